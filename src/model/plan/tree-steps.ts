/** Steps of the tree ensembles. */
export type TreeStep = TreesStep;

/** Sums (or the mean, least, greatest) of the leaves that a row reaches in each tree. */
export interface TreesStep {
  readonly op: 'trees';
  readonly input: number;
  readonly output: number;
}
