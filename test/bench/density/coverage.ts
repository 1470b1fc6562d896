import { ArtifactMaker } from '../../../sim/models/artifacts.ts';
import { KINDS } from '../../../sim/workload/mix.ts';
import { STRUCTURES } from '../../../sim/workload/structures.ts';
import { makePool } from '../../support/admission.ts';
import { MODEL_NAMES, loadArtifact } from '../../support/cases.ts';

/** What admission takes as a plan: of the models that real tools wrote, and of every structure of the generated mix. */
export async function benchCoverage(): Promise<void> {
  const { pool, admit } = makePool();
  const seen = async (name: string, artifact: Uint8Array): Promise<boolean> => {
    const { executor } = await admit(artifact);
    if ('reason' in executor) console.log(`    ${name}: ${executor.reason}`);
    return !('reason' in executor);
  };
  try {
    console.log('coverage, as admission decides; those that stay with ONNX Runtime:');
    let plans = 0;
    for (const name of MODEL_NAMES) if (await seen(name, loadArtifact(name))) plans++;
    console.log(
      `  real models             ${plans} of ${MODEL_NAMES.length} (${((100 * plans) / MODEL_NAMES.length).toFixed(0)} %)`,
    );
    const maker = new ArtifactMaker(1);
    for (const kind of KINDS) {
      let of = 0;
      for (const structure of STRUCTURES[kind])
        if (await seen(structure.name, maker.make({ structure, number: 1 }))) of++;
      console.log(`  generated ${kind.padEnd(13)} ${of} of ${STRUCTURES[kind].length} structures`);
    }
  } finally {
    await pool.close();
  }
}
