/** What one model costs a worker. */
export interface ModelCost {
  readonly residentBytes: number;
  readonly loadUs: number;
}

/**
 * By structure, as the admission test finds them: printed by `measure-costs.ts` on one core of an AMD EPYC with
 * ONNX Runtime 1.30, the middle of nine models each.
 */
export const COSTS: Readonly<Record<string, ModelCost>> = {
  'logreg-scaled': { residentBytes: 99_191, loadUs: 843 },
  logreg: { residentBytes: 98_322, loadUs: 639 },
  segments: { residentBytes: 99_428, loadUs: 1_018 },
  ridge: { residentBytes: 98_955, loadUs: 461 },
  'ridge-scaled': { residentBytes: 98_179, loadUs: 469 },
  'gbt-churn': { residentBytes: 399_464, loadUs: 1_617 },
  'gbt-price': { residentBytes: 584_159, loadUs: 1_290 },
  'gbt-risk': { residentBytes: 788_864, loadUs: 2_101 },
  'gbt-conversion': { residentBytes: 1_059_662, loadUs: 2_840 },
  'forest-fraud': { residentBytes: 7_140_621, loadUs: 14_853 },
  'forest-delivery': { residentBytes: 13_014_583, loadUs: 28_764 },
  'gbt-demand': { residentBytes: 23_668_583, loadUs: 74_146 },
  'gbt-ltv': { residentBytes: 34_666_961, loadUs: 123_230 },
  mlp: { residentBytes: 12_894_852, loadUs: 25_387 },
  embedding: { residentBytes: 12_704_417, loadUs: 13_506 },
  'embedding-wide': { residentBytes: 22_775_662, loadUs: 20_567 },
};
