# The event-driven SystemC model. SystemC appears in targets that link gnomon::systemc and nowhere else.
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)

# Debian's libsystemc is built as C++17, and the version is part of a symbol that every program must find: C++20 code says so here.
add_library(gnomon_systemc INTERFACE)
add_library(gnomon::systemc ALIAS gnomon_systemc)
target_compile_definitions(gnomon_systemc INTERFACE SC_CPLUSPLUS=201703L)
target_link_libraries(gnomon_systemc INTERFACE PkgConfig::SYSTEMC)

gnomon_library(sim_cycle
  SOURCES
    src/memory/cycle_user.cpp
    src/memory/device_memory.cpp
    src/memory/ideal_memory.cpp
    src/cycle/array_core.cpp
    src/cycle/fabric.cpp
    src/cycle/fold_price.cpp
    src/cycle/geometry.cpp
    src/cycle/fluid.cpp
    src/cycle/part.cpp
    src/cycle/part_table.cpp
    src/cycle/plan.cpp
    src/cycle/run.cpp
    src/cycle/session.cpp
    src/cycle/simulate.cpp
    src/cycle/step_key.cpp
    src/cycle/timeline.cpp
    src/cycle/transfers.cpp
    src/cycle/vector_unit.cpp
  PUBLIC gnomon::sim_analytical gnomon::sim_memory
  PRIVATE gnomon::systemc nlohmann_json::nlohmann_json)
