import { readFile } from 'node:fs/promises';
import type { ShoalClient } from './client.ts';
import type { PushItem } from './push/source.ts';
import { pushItems } from './push/stream.ts';
import samples from './samples/samples.json' with { type: 'json' };

const FOLDER = new URL('./samples/', import.meta.url);
const VERSION = '1';

type SampleName = keyof typeof samples.models;

/** A request that a fresh Shoal answers: the README's and the banner's example. */
export const SAMPLE_REQUEST = {
  tenant: 'acme',
  model: 'churn',
  body: { instances: [samples.models.churn.instance] },
} as const;

/**
 * Registers the sample tenants by the same bulk registration that everyone uses; resolves to their number. A sample
 * may be rejected, when workers have little memory: `onRejected` is told why.
 */
export async function registerSamples(
  client: ShoalClient,
  onRejected: (sample: string, message: string) => void,
): Promise<number> {
  await pushItems(client, sampleItems(), {
    dryRun: false,
    onAnswer: ({ from, error }) => {
      if (error !== undefined) onRejected(from, error.message);
    },
  });
  return Object.keys(samples.tenants).length;
}

async function* sampleItems(): AsyncGenerator<PushItem> {
  for (const [tenant, models] of Object.entries(samples.tenants)) {
    for (const model of models as SampleName[]) {
      const { artifact, config } = samples.models[model];
      yield {
        from: `${tenant}/${model}`,
        load: async () => {
          const base64 = await readFile(new URL(artifact, FOLDER), 'base64');
          return JSON.stringify({
            tenant,
            model,
            version: VERSION,
            artifact: { base64 },
            config,
            activate: true,
          });
        },
      };
    }
  }
}
