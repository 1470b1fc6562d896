import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { type Ensemble, MODE } from './ensemble.ts';

/**
 * ONNX Runtime may make one question of equalities that follow each other for one feature: whether a value is of a
 * set. When it does hangs on no more than the first weights behind them, so its answers are not always the trees' own.
 * Only for ensembles that have been laid out: their children are there.
 */
export function checkEqualities({ modes, features, falseChildren }: Ensemble, { name }: PlanNode): void {
  for (let node = 0; node < modes.length; node++) {
    const next = falseChildren[node];
    if (modes[node] !== MODE.EQ || next === undefined || modes[next] !== MODE.EQ) continue;
    if (features[next] === features[node])
      throw new NotCompiled(`has equalities that ONNX Runtime takes for one question (${name})`);
  }
}
