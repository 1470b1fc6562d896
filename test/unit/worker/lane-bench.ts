import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS, type Limits } from '../../../src/core/limits.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import type { NamedTensor } from '../../../src/model/signature.ts';
import { CrashJournal, type CrashReport, readJournal } from '../../../src/wire/crash-journal.ts';
import { sectionBytes, writeSection } from '../../../src/wire/tensor-section.ts';
import type { LaneModel, LaneRun, RunOutcome } from '../../../src/worker/lane/batch.ts';
import { HeldModels } from '../../../src/worker/lane/held.ts';
import { Lane } from '../../../src/worker/lane/lane.ts';
import { ProvenVersions } from '../../../src/worker/lane/proven.ts';
import { Suspects } from '../../../src/worker/lane/suspects.ts';
import { makeWorkerMetrics } from '../../../src/worker/metrics.ts';
import { feedsOf, loadArtifact, loadCase } from '../../support/cases.ts';

export interface Asked extends LaneRun {
  begunMs: number | undefined;
  readonly outcome: Promise<RunOutcome>;
}

export interface AskOptions {
  /** Gets the tenant when the run leaves for the thread. */
  readonly order?: string[];
  readonly background?: boolean;
  readonly key?: string;
  readonly tensors?: readonly NamedTensor[];
  readonly lane?: Lane;
  readonly onBegin?: () => void;
  readonly onEnd?: () => void;
}

/** Real lane threads with a real journal; a clock that stands still unless a test moves it. */
export class LaneBench {
  nowMs = 0;
  readonly lost: Error[] = [];
  readonly registry = new Registry();
  readonly held = new HeldModels();
  readonly suspects = new Suspects();
  readonly lanes: readonly Lane[];
  readonly #directory: string;
  readonly #journal: CrashJournal;

  constructor(directory: string, lanes: number, limits: Partial<Limits>) {
    this.#directory = directory;
    this.#journal = new CrashJournal(path.join(directory, 'journal'), lanes);
    const options = {
      clock: () => this.nowMs,
      limits: { ...DEFAULT_LIMITS, ...limits },
      metrics: makeWorkerMetrics(this.registry),
      held: this.held,
      suspects: this.suspects,
      proven: new ProvenVersions(10),
      journalFd: this.#journal.fd,
      onLost: (error: Error) => void this.lost.push(error),
    };
    this.lanes = Array.from({ length: lanes }, (_, lane) => new Lane(lane, options));
  }

  get lane(): Lane {
    return this.lanes[0] as Lane;
  }

  journal(): CrashReport {
    return readJournal(path.join(this.#directory, 'journal'));
  }

  /** Of a small model that `ask` knows the inputs of. */
  artifact(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(prepareArtifact(loadArtifact('churn-logreg')).bytes);
  }

  ask(tenant: string, model: LaneModel, options: AskOptions = {}): Asked {
    const { order = [], background = false, key = tenant, tensors = SMALL_FEEDS, lane = this.lane } = options;
    const section = Buffer.alloc(sectionBytes(tensors));
    writeSection(section, 0, tensors);
    const { promise, resolve } = Promise.withResolvers<RunOutcome>();
    const asked: Asked = {
      key,
      tenant,
      model,
      section,
      partRows: 0,
      background,
      expiresAtMs: this.nowMs + 1_000,
      begunMs: undefined,
      outcome: promise,
      begin(atMs) {
        asked.begunMs = atMs;
        order.push(tenant);
        options.onBegin?.();
      },
      end(outcome) {
        options.onEnd?.();
        resolve(outcome);
      },
    };
    lane.run(asked);
    return asked;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.close()));
    this.#journal.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

const SMALL_FEEDS = feedsOf(loadCase('churn-logreg'));

export async function startLane(limits: Partial<Limits> = {}, lanes = 1): Promise<LaneBench> {
  const bench = new LaneBench(await mkdtemp(path.join(tmpdir(), 'shoal-lane-')), lanes, limits);
  await Promise.all(bench.lanes.map((lane) => lane.ready()));
  return bench;
}
