# holdfast_test(NAME name SRCS files DEPS modules [LABEL label] [TIMEOUT seconds]): one gtest binary,
# one ctest entry. Labels: unit (default), cluster, e2e, long.
function(holdfast_test)
  cmake_parse_arguments(PARSE_ARGV 0 T "" "NAME;LABEL;TIMEOUT" "SRCS;DEPS;LIBS")
  add_executable(${T_NAME} ${T_SRCS})
  target_include_directories(${T_NAME} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${T_NAME} PRIVATE ${T_DEPS} ${T_LIBS} holdfast_flags GTest::gmock
                                          GTest::gtest_main)
  set_target_properties(${T_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/bin")
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_test(NAME ${T_NAME} COMMAND ${T_NAME})
  set_tests_properties(${T_NAME} PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT})
endfunction()
