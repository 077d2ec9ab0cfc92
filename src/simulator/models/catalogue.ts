/** Kinds of `thinking.type` that a model takes. */
export interface ThinkingTypes {
  readonly adaptive: boolean;
  readonly enabled: boolean;
  readonly disabled: boolean;
  readonly between_tools: boolean;
}

/** What the simulator knows of a model: what the Models endpoint tells, and what requests to it must keep to. */
export interface ModelSpec {
  readonly id: string;
  /** Other ids that requests may use; answers name `id`. */
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly line: string;
  /** E.g. 4.6: most of what a model takes and refuses goes by it. */
  readonly generation: number;
  /** RFC 3339, as are the days of its end. */
  readonly createdAt: string;
  readonly lifecycle: 'active' | 'deprecated' | 'retired';
  readonly deprecatedAt: string | null;
  readonly retiresAt: string | null;
  /** Context window in tokens. */
  readonly maxInputTokens: number;
  /** Most output tokens of one answer. */
  readonly maxTokens: number;
  readonly thinking: ThinkingTypes;
  /** Whether `tool_choice` may be `any` or `tool`. */
  readonly forcedToolUse: boolean;
  /** Tokens below which a prompt prefix is not cached. */
  readonly minimumCacheable: number;
}

const ALWAYS_ON: ThinkingTypes = { adaptive: true, enabled: false, disabled: false, between_tools: false };
const ADAPTIVE: ThinkingTypes = { ...ALWAYS_ON, disabled: true };
const BETWEEN_TOOLS: ThinkingTypes = { ...ADAPTIVE, between_tools: true };
const EITHER: ThinkingTypes = { ...ADAPTIVE, enabled: true };
const BUDGETED: ThinkingTypes = { ...EITHER, adaptive: false };

type Traits = Partial<ModelSpec> & Pick<ModelSpec, 'thinking' | 'minimumCacheable'>;

function model(line: string, generation: number, created: string, traits: Traits): ModelSpec {
  const name = `${line.charAt(0).toUpperCase()}${line.slice(1)}`;
  return {
    id: `claude-${line}-${String(generation).replace('.', '-')}`,
    aliases: [],
    displayName: `Claude ${name} ${generation}`,
    line,
    generation,
    createdAt: `${created}T00:00:00Z`,
    lifecycle: 'active',
    deprecatedAt: null,
    retiresAt: null,
    maxInputTokens: generation < 4.6 ? 200_000 : 1_000_000,
    maxTokens: generation < 4.6 ? 64_000 : 128_000,
    forcedToolUse: true,
    ...traits,
  };
}

/**
 * The models of the API as of November 2026, newest first (reference 7.1, 7.3 and 1.8). Where the sources state no
 * smallest cacheable prompt or release day, the predecessor's prompt and a day that keeps the order stand in.
 */
export const MODEL_CATALOGUE: readonly ModelSpec[] = [
  model('fable', 5.2, '2026-11-10', { thinking: ALWAYS_ON, minimumCacheable: 512, forcedToolUse: false }),
  model('mythos', 5.2, '2026-11-10', { thinking: ALWAYS_ON, minimumCacheable: 512, forcedToolUse: false }),
  model('haiku', 5.5, '2026-10-20', { thinking: BETWEEN_TOOLS, minimumCacheable: 1024 }),
  model('sonnet', 5.5, '2026-10-06', { thinking: BETWEEN_TOOLS, minimumCacheable: 1024, forcedToolUse: false }),
  model('fable', 5.1, '2026-09-29', { thinking: ALWAYS_ON, minimumCacheable: 512, forcedToolUse: false }),
  model('opus', 5.5, '2026-09-22', { thinking: ALWAYS_ON, minimumCacheable: 512, forcedToolUse: false }),
  model('mythos', 5.1, '2026-09-01', { thinking: ALWAYS_ON, minimumCacheable: 512, forcedToolUse: false }),
  model('sonnet', 5, '2026-08-11', { thinking: ADAPTIVE, minimumCacheable: 1024 }),
  model('fable', 5, '2026-08-04', { thinking: ADAPTIVE, minimumCacheable: 512 }),
  model('mythos', 5, '2026-08-04', { thinking: ADAPTIVE, minimumCacheable: 512 }),
  model('opus', 5, '2026-07-14', { thinking: ADAPTIVE, minimumCacheable: 512 }),
  model('opus', 4.8, '2026-06-09', { thinking: ADAPTIVE, minimumCacheable: 1024 }),
  model('opus', 4.7, '2026-04-16', { thinking: ADAPTIVE, minimumCacheable: 2048 }),
  model('mythos', 4.9, '2026-04-07', {
    id: 'claude-mythos-preview',
    displayName: 'Claude Mythos Preview',
    lifecycle: 'retired',
    deprecatedAt: '2026-05-29T00:00:00Z',
    retiresAt: '2026-06-30T00:00:00Z',
    thinking: ADAPTIVE,
    minimumCacheable: 2048,
  }),
  model('sonnet', 4.6, '2026-02-17', { thinking: EITHER, minimumCacheable: 1024 }),
  model('opus', 4.6, '2026-02-05', { thinking: EITHER, minimumCacheable: 4096 }),
  model('opus', 4.5, '2025-11-24', {
    id: 'claude-opus-4-5-20251101',
    aliases: ['claude-opus-4-5'],
    thinking: BUDGETED,
    minimumCacheable: 4096,
  }),
  model('haiku', 4.5, '2025-10-15', {
    id: 'claude-haiku-4-5-20251001',
    aliases: ['claude-haiku-4-5'],
    thinking: BUDGETED,
    minimumCacheable: 4096,
  }),
  model('sonnet', 4.5, '2025-09-29', {
    id: 'claude-sonnet-4-5-20250929',
    aliases: ['claude-sonnet-4-5'],
    lifecycle: 'deprecated',
    deprecatedAt: '2026-09-29T00:00:00Z',
    retiresAt: '2026-11-30T00:00:00Z',
    thinking: BUDGETED,
    minimumCacheable: 1024,
  }),
];

/** Models that share one set of rate limits: those of a line and a major generation ("Opus 4.x together"). */
export function modelClass(spec: ModelSpec): string {
  return `${spec.line}-${Math.floor(spec.generation)}`;
}

/** Finds a model by its id or an alias. */
export class ModelIndex {
  readonly models: readonly ModelSpec[];
  readonly #byName = new Map<string, ModelSpec>();

  constructor(models: readonly ModelSpec[]) {
    this.models = models;
    for (const spec of models) {
      for (const name of [spec.id, ...spec.aliases]) this.#byName.set(name, spec);
    }
  }

  /** Retired models are found too: the Models endpoint still tells of them. */
  find(name: string): ModelSpec | undefined {
    return this.#byName.get(name);
  }
}
