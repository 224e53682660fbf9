/** What the chart starts the API with: here too, for what it is measured by, and for whatever has to be as fast. */
export const NODE_FLAGS = ['--min-semi-space-size=128', '--max-semi-space-size=128', '--use-largepages=silent']
