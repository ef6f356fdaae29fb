#pragma once
#include "ap_fixed.h"
