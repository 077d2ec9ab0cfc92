/** The shapes of tools and of the choice among them: reference 1.6 and 1.7. */
import { cacheControl } from './blocks.ts';
import {
  anyObject,
  anything,
  boolean,
  type Check,
  type Fields,
  integer,
  isObject,
  list,
  matching,
  nullable,
  object,
  oneOf,
  problem,
  string,
  tagged,
  within,
} from './check.ts';

const COMMON: Fields = {
  allowed_callers: list(string),
  cache_control: cacheControl,
  defer_loading: boolean,
  strict: boolean,
};

/** A JSON Schema of an object; any other keyword passes. */
const inputSchema: Check = (value) => {
  if (!isObject(value)) return anyObject(value);
  if (value['type'] === undefined) return within('type', problem('Field required'));
  return (
    within('type', oneOf('object')(value['type'])) ??
    within('properties', optional(nullable(anyObject), value['properties'])) ??
    within('required', optional(nullable(list(string)), value['required']))
  );
};

function optional(check: Check, value: unknown): ReturnType<Check> {
  return value === undefined ? undefined : check(value);
}

const custom = object(
  { name: matching(/^[a-zA-Z0-9_-]{1,64}$/), input_schema: inputSchema },
  {
    ...COMMON,
    type: nullable(oneOf('custom')),
    description: string,
    input_examples: list(anyObject),
    eager_input_streaming: nullable(boolean),
  },
);

/** A tool of the API's own, with the one name it may have. */
function named(name: string, fields: Fields = {}, required: Fields = {}): Check {
  return object({ type: string, name: oneOf(name), ...required }, { ...COMMON, ...fields });
}

const EXAMPLES: Fields = { input_examples: list(anyObject) };
const DOMAINS: Fields = {
  allowed_domains: nullable(list(string)),
  blocked_domains: nullable(list(string)),
  max_uses: nullable(integer(1)),
};
const SEARCH: Fields = { ...DOMAINS, user_location: nullable(anyObject) };
const FETCH: Fields = {
  ...DOMAINS,
  citations: nullable(anyObject),
  max_content_tokens: nullable(integer(1)),
  url_sources: nullable(anyObject),
};
const INCLUSION: Fields = { response_inclusion: oneOf('full', 'excluded') };
const CACHED: Fields = { use_cache: boolean };
const SCREEN: Fields = { display_width_px: integer(1), display_height_px: integer(1) };
const DISPLAY: Fields = { ...EXAMPLES, display_number: nullable(integer(0)) };

const toolset = object(
  { type: string },
  { cache_control: cacheControl, configs: anyObject, allowed_callers: list(string) },
);

const PREDEFINED: Readonly<Record<string, Check>> = {
  bash_20241022: named('bash', EXAMPLES),
  bash_20250124: named('bash', EXAMPLES),
  text_editor_20241022: named('str_replace_editor', EXAMPLES),
  text_editor_20250124: named('str_replace_editor', EXAMPLES),
  text_editor_20250429: named('str_replace_based_edit_tool', EXAMPLES),
  text_editor_20250728: named('str_replace_based_edit_tool', { ...EXAMPLES, max_characters: nullable(integer(1)) }),
  memory_20250818: named('memory', EXAMPLES),
  computer_20241022: named('computer', DISPLAY, SCREEN),
  computer_20250124: named('computer', DISPLAY, SCREEN),
  computer_20251124: named('computer', { ...DISPLAY, enable_zoom: boolean }, SCREEN),
  computer_toolset_20260801: toolset,
  browser_toolset_20260801: toolset,
  web_search_20250305: named('web_search', SEARCH),
  web_search_20260209: named('web_search', SEARCH),
  web_search_20260318: named('web_search', { ...SEARCH, ...INCLUSION }),
  web_fetch_20250910: named('web_fetch', FETCH),
  web_fetch_20260209: named('web_fetch', FETCH),
  web_fetch_20260309: named('web_fetch', { ...FETCH, ...CACHED }),
  web_fetch_20260318: named('web_fetch', { ...FETCH, ...CACHED, ...INCLUSION }),
  code_execution_20250522: named('code_execution'),
  code_execution_20250825: named('code_execution'),
  code_execution_20260120: named('code_execution'),
  code_execution_20260521: named('code_execution'),
  tool_search_tool_regex: named('tool_search_tool_regex'),
  tool_search_tool_regex_20251119: named('tool_search_tool_regex'),
  tool_search_tool_bm25: named('tool_search_tool_bm25'),
  tool_search_tool_bm25_20251119: named('tool_search_tool_bm25'),
  advisor_20260301: named(
    'advisor',
    { caching: anything, max_tokens: nullable(integer(1)), max_uses: nullable(integer(1)) },
    { model: string },
  ),
  mcp_toolset: object(
    { type: string, mcp_server_name: string },
    { cache_control: cacheControl, default_config: anyObject, configs: anyObject, tools: list(anyObject) },
  ),
};

const predefined = tagged(PREDEFINED);

/** Whether a tool is the user's own: no type, null and `custom` all mean that. */
export function isCustomTool(tool: { readonly type?: unknown }): boolean {
  return tool.type === undefined || tool.type === null || tool.type === 'custom';
}

/** `tools` of a request. */
export const tools: Check = list((value) => {
  if (!isObject(value)) return anyObject(value);
  return isCustomTool(value) ? within('custom', custom(value)) : predefined(value);
});

const PARALLEL: Fields = { disable_parallel_tool_use: boolean };

/** `tool_choice` of a request. */
export const toolChoice: Check = tagged({
  auto: object({ type: string }, PARALLEL),
  any: object({ type: string }, PARALLEL),
  tool: object({ type: string, name: string }, PARALLEL),
  none: object({ type: string }),
});
