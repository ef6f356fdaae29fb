# gnomon_python_package(SOURCES ... LINK ...)
# The extension module gnomon._core (target gnomon_python) and the package around it. In the build tree the package is
# <build>/python/gnomon: the module, and links to the files of python/gnomon, so that edits need no build. Put <build>/python on
# Python's path (gnomonw does so for .venv) to import it. `pip install .` installs the module; scikit-build-core adds the files.
function(gnomon_python_package)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})

  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
  # The pybind11 of that interpreter first: NumPy 2 needs 2.12 or later, Debian 12 has 2.10.
  if(NOT pybind11_DIR)
    execute_process(COMMAND ${Python_EXECUTABLE} -m pybind11 --cmakedir
      OUTPUT_VARIABLE directory OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
    if(status EQUAL 0)
      set(pybind11_DIR ${directory} CACHE PATH "pybind11's CMake files")
    endif()
  endif()
  set(PYBIND11_FINDPYTHON ON)
  find_package(pybind11 REQUIRED)

  pybind11_add_module(gnomon_python MODULE ${ARG_SOURCES})
  target_link_libraries(gnomon_python PRIVATE ${ARG_LINK})
  gnomon_options(gnomon_python)
  set(package ${CMAKE_BINARY_DIR}/python/gnomon)
  set_target_properties(gnomon_python PROPERTIES OUTPUT_NAME _core LIBRARY_OUTPUT_DIRECTORY ${package})
  install(TARGETS gnomon_python LIBRARY DESTINATION gnomon)

  # Links to the Python files as they are now: those of removed files go, new files make CMake run again.
  file(GLOB_RECURSE old LIST_DIRECTORIES false ${package}/*)
  foreach(path ${old})
    if(IS_SYMLINK ${path})
      file(REMOVE ${path})
    endif()
  endforeach()
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/gnomon ${CMAKE_CURRENT_SOURCE_DIR}/gnomon/*)
  list(FILTER files EXCLUDE REGEX "__pycache__|\\.pyc$|\\.so$")
  foreach(file ${files})
    cmake_path(GET file PARENT_PATH folder)
    file(MAKE_DIRECTORY ${package}/${folder})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/gnomon/${file} ${package}/${file} SYMBOLIC)
  endforeach()
endfunction()
