"""Plans: gathering the optimizer's input, keeping its answer, setting the levels' lines."""
