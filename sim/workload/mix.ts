export const KINDS = ['linear', 'small-trees', 'large-trees', 'network'] as const;
export type Kind = (typeof KINDS)[number];

/** Weights by kind; they needn't add up to 100. */
export type Mix = Readonly<Record<Kind, number>>;

export const DEFAULT_MIX: Mix = { linear: 50, 'small-trees': 35, 'large-trees': 12, network: 3 };

/** `linear=50,network=3`; a kind that isn't named has none. Throws RangeError that says what is wrong. */
export function parseMix(text: string): Mix {
  const mix: Record<Kind, number> = { linear: 0, 'small-trees': 0, 'large-trees': 0, network: 0 };
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=');
    if (!isKind(name) || !/^\d+(\.\d+)?$/.test(value)) {
      throw new RangeError(
        `expected kind=percent with a kind of ${KINDS.join(', ')}, got ${JSON.stringify(part)}`,
      );
    }
    mix[name] = Number(value);
  }
  if (total(mix) <= 0) throw new RangeError('a mix needs at least one kind above 0');
  return mix;
}

export function formatMix(mix: Mix): string {
  return KINDS.filter((kind) => mix[kind] > 0)
    .map((kind) => `${kind}=${mix[kind]}`)
    .join(',');
}

/** The kind at a point of [0, 1). */
export function kindAt(mix: Mix, point: number): Kind {
  let left = point * total(mix);
  let last: Kind = 'linear';
  for (const kind of KINDS) {
    if (mix[kind] === 0) continue;
    last = kind;
    left -= mix[kind];
    if (left < 0) break;
  }
  return last;
}

function total(mix: Mix): number {
  return KINDS.reduce((sum, kind) => sum + mix[kind], 0);
}

function isKind(name: string): name is Kind {
  return (KINDS as readonly string[]).includes(name);
}
