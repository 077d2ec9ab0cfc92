/** The parts of a Messages request that the simulator reads, after validation has found it well-formed. */

/** A cache breakpoint; `ttl` is 5m when absent. */
export interface CacheControl {
  readonly type: 'ephemeral';
  readonly ttl?: '5m' | '1h';
}

/** A content block of any kind; which other fields there are depends on `type`. */
export interface RequestBlock {
  readonly type: string;
  readonly cache_control?: CacheControl | null;
  readonly text?: string;
  readonly citations?: unknown;
  readonly content?: unknown;
  readonly source?: unknown;
  readonly id?: string;
  readonly tool_use_id?: string;
  readonly thinking?: string;
  readonly signature?: string;
  readonly data?: string;
}

/** One message of a conversation. */
export interface RequestMessage {
  readonly role: 'user' | 'assistant' | 'system';
  /** Absent only in system messages. */
  readonly content?: string | readonly RequestBlock[];
}

/** A tool of the user or, by its `type`, of the API. */
export interface RequestTool {
  readonly type?: string | null;
  /** Absent in toolsets. */
  readonly name?: string;
  readonly input_schema?: Readonly<Record<string, unknown>>;
  readonly cache_control?: CacheControl | null;
  readonly defer_loading?: boolean;
  readonly allowed_callers?: readonly string[];
}

/** Whether tools may, must or must not be called. */
export interface ToolChoice {
  readonly type: 'auto' | 'any' | 'tool' | 'none';
  readonly name?: string;
  readonly disable_parallel_tool_use?: boolean;
}

/** Whether and how the model thinks; `budget_tokens` only with `enabled`. */
export interface ThinkingConfig {
  readonly type: 'adaptive' | 'enabled' | 'disabled' | 'between_tools';
  readonly budget_tokens?: number;
  readonly display?: 'summarized' | 'omitted' | 'updates' | null;
}

/** How hard the model tries, and the JSON Schema that its answer must satisfy. */
export interface OutputConfig {
  readonly effort?: 'low' | 'medium' | 'high' | 'xhigh' | 'max' | null;
  readonly format?: { readonly schema: Readonly<Record<string, unknown>> } | null;
}

/** What a prompt is made of: the body of token counting, and most of that of an answer. */
export interface PromptRequest {
  readonly model: string;
  readonly messages: readonly RequestMessage[];
  readonly system?: string | readonly RequestBlock[];
  readonly tools?: readonly RequestTool[];
  readonly tool_choice?: ToolChoice;
  readonly thinking?: ThinkingConfig;
  readonly output_config?: OutputConfig;
  readonly cache_control?: CacheControl | null;
  readonly speed?: 'standard' | 'fast' | null;
  readonly compaction?: unknown;
  readonly thread?: unknown;
}

/** The body of `POST /v1/messages`. */
export interface MessagesRequest extends PromptRequest {
  readonly max_tokens: number;
  readonly stream?: boolean;
  readonly stop_sequences?: readonly string[];
  readonly inference_geo?: string | null;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly top_k?: number;
}

/** Content as blocks, whichever of its two spellings was used. */
export function blocksOf(content: string | readonly RequestBlock[] | undefined): readonly RequestBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content ?? [];
}
