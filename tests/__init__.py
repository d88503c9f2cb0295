"""A package: another one of this name may be installed, and would hide these tests."""
