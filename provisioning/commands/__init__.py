"""The commands of `doorward-provision`, a module for each thing they are about."""
