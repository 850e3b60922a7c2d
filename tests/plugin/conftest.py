"""The other package's tests are run as its own suite, see test_plugin.py."""

collect_ignore = ["thirdparty_pkg"]
