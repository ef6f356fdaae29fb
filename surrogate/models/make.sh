#!/bin/sh
# Makes the shipped models (README.md here) from labels. Run in the repository's root: surrogate/models/make.sh [GNOMON]
#
# The label table is kept; a table that is there is not made again. Making it takes hours.
set -e
gnomon=${1:-gnomon}
labels=surrogate/data
[ -e $labels/layers.csv.gz ] || $gnomon dataset layers --out $labels/layers.csv.gz --count 3000 --conv 400 --exemplars --cosim 0 --seed 1
small='{"members": 3, "hidden": [48, 48], "activation": "silu", "max_epochs": 60}'

# a layered network; exemplars are held out
$gnomon surrogate train --data $labels/layers.csv.gz --targets bram,dsp,ff,lut,cycles,ii --family ensemble --learner-options "$small" --split kind=exemplar --seed 1 --out surrogate/models/network.gnomon
