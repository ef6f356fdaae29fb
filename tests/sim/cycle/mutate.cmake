# cmake -DSOURCE=... -DCHANGED=... -DFROM=... -DTO=... -P mutate.cmake: a copy of a source file with one text replaced, which must occur exactly once.
file(READ ${SOURCE} text)
string(FIND "${text}" "${FROM}" first)
string(FIND "${text}" "${FROM}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "${SOURCE}: \"${FROM}\" must occur once; adapt the mutant in tests/sim/cycle/CMakeLists.txt")
endif()
string(REPLACE "${FROM}" "${TO}" text "${text}")
file(WRITE ${CHANGED} "${text}")
