#include "gnomon/hls/cosim.hpp"

int main(int argc, char** argv) {
  return gnomon::hls::cosim_worker_main(argc, argv);
}
