#define BOOST_TEST_MODULE cardrig
#include <boost/test/unit_test.hpp>
