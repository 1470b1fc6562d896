import { loadArtifact } from './cases.ts';

const template = loadArtifact('churn-logreg');
/** The packed floats of the linear classifier's coefficients, found by their tag in the file. */
const at = coefficientsAt();

/** A working 729-byte classifier that differs from every other of another number. */
export function distinctModel(number: number): Buffer {
  const bytes = Buffer.from(template);
  bytes.writeFloatLE(1 + number / 1_048_576, at);
  return bytes;
}

function coefficientsAt(): number {
  const name = template.indexOf('coefficients');
  if (name < 0) throw new Error('the template has no coefficients');
  // After the name: field 7 (floats) as packed bytes, or one tagged float; both end with float data.
  for (let from = name + 'coefficients'.length; from < name + 40; from++) {
    if (template[from] === 0x3a) return from + 2;
    if (template[from] === 0x3d) return from + 1;
  }
  throw new Error('the coefficients are not where they were');
}
