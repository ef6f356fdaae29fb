# Co-simulation in the system, replay, and synthesis.
target_sources(gnomon_hls PRIVATE
  src/cosim/cache.cpp
  src/cosim/streams.cpp
  src/cosim/system.cpp
  src/cosim/testbench.cpp
  src/synth/blocks.cpp src/synth/control.cpp
  src/synth/dataset.cpp
  src/synth/evaluator.cpp
  src/synth/synth.cpp
  src/synth/yosys.cpp)
