/** What one model costs a worker. */
export interface ModelCost {
  readonly residentBytes: number;
  readonly loadUs: number;
}

/**
 * By structure, as the admission test finds them: printed by `measure-costs.ts` on one core of an AMD EPYC with
 * ONNX Runtime 1.30, the middle of nine models each, the better of two runs.
 */
export const COSTS: Readonly<Record<string, ModelCost>> = {
  'logreg-scaled': { residentBytes: 68_471, loadUs: 533 },
  logreg: { residentBytes: 67_602, loadUs: 441 },
  segments: { residentBytes: 68_708, loadUs: 417 },
  ridge: { residentBytes: 68_235, loadUs: 321 },
  'ridge-scaled': { residentBytes: 67_459, loadUs: 405 },
  'gbt-churn': { residentBytes: 368_744, loadUs: 1_344 },
  'gbt-price': { residentBytes: 553_439, loadUs: 1_630 },
  'gbt-risk': { residentBytes: 758_144, loadUs: 2_355 },
  'gbt-conversion': { residentBytes: 1_028_942, loadUs: 2_671 },
  'forest-fraud': { residentBytes: 7_109_901, loadUs: 14_534 },
  'forest-delivery': { residentBytes: 12_983_863, loadUs: 19_108 },
  'gbt-demand': { residentBytes: 23_637_863, loadUs: 35_308 },
  'gbt-ltv': { residentBytes: 34_636_241, loadUs: 70_488 },
  mlp: { residentBytes: 12_864_132, loadUs: 10_298 },
  embedding: { residentBytes: 12_673_697, loadUs: 6_693 },
  'embedding-wide': { residentBytes: 22_744_942, loadUs: 14_960 },
};
