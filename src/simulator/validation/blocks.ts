/** The shapes of content blocks in requests: reference 1.3 and 1.4. */
import {
  anyObject,
  anything,
  boolean,
  type Check,
  type Fields,
  isObject,
  list,
  nullable,
  object,
  oneOf,
  string,
  stringOr,
  tagged,
} from './check.ts';

/** `cache_control`, wherever it may stand. */
export const cacheControl: Check = nullable(object({ type: oneOf('ephemeral') }, { ttl: oneOf('5m', '1h') }));

const citationsConfig: Check = object({}, { enabled: boolean });

/** A block of the kind; `type` and `cache_control` go without saying. */
function block(required: Fields, optional: Fields = {}): Check {
  return object({ type: string, ...required }, { cache_control: cacheControl, ...optional });
}

/** The same without `cache_control`: thinking has none of its own. */
function uncachedBlock(required: Fields, optional: Fields = {}): Check {
  return object({ type: string, ...required }, optional);
}

const imageSource = tagged({
  base64: object({
    type: string,
    data: string,
    media_type: oneOf('image/jpeg', 'image/png', 'image/gif', 'image/webp'),
  }),
  url: object({ type: string, url: string }),
  file: object({ type: string, file_id: string }),
});

const text = block({ text: string }, { citations: nullable(list(anyObject)) });

const image = block(
  { source: imageSource },
  { transformations: nullable(object({}, { oversized_image: oneOf('downsize', 'error') })) },
);

const documentSource = tagged({
  base64: object({ type: string, data: string, media_type: oneOf('application/pdf') }),
  text: object({ type: string, data: string, media_type: oneOf('text/plain') }),
  content: object({ type: string, content: stringOr(list(tagged({ text, image }))) }),
  url: object({ type: string, url: string }),
  file: object({ type: string, file_id: string }),
});

const document = block(
  { source: documentSource },
  { citations: nullable(citationsConfig), context: nullable(string), title: nullable(string) },
);

const searchResult = block(
  { content: list(tagged({ text })), source: string, title: string },
  { citations: citationsConfig },
);

const browserState = block({ tabs: list(anyObject) }, { state_changes: nullable(list(anyObject)) });

const toolReference = block({ tool_name: string });

const toolResult = block(
  { tool_use_id: string },
  {
    content: stringOr(
      list(
        tagged({
          text,
          image,
          search_result: searchResult,
          document,
          tool_reference: toolReference,
          browser_state: browserState,
        }),
      ),
    ),
    is_error: boolean,
    toolset_name: nullable(string),
  },
);

const toolUse = block(
  { id: string, input: anyObject, name: string },
  { caller: anyObject, toolset_name: nullable(string) },
);

const serverToolUse = block({ id: string, input: anything, name: string }, { caller: anyObject });

const serverToolResult = block({ content: anything, tool_use_id: string }, { caller: anyObject });

const toolChange = block({ tool: anyObject });

/** Every block kind that a message may hold; kinds that the API's own types do not know pass as they are. */
export const contentBlock: Check = tagged({
  text,
  image,
  document,
  search_result: searchResult,
  thinking: uncachedBlock({ signature: string, thinking: string }),
  redacted_thinking: uncachedBlock({ data: string }),
  tool_use: toolUse,
  tool_result: toolResult,
  server_tool_use: serverToolUse,
  web_search_tool_result: serverToolResult,
  web_fetch_tool_result: serverToolResult,
  advisor_tool_result: serverToolResult,
  code_execution_tool_result: serverToolResult,
  bash_code_execution_tool_result: serverToolResult,
  text_editor_code_execution_tool_result: serverToolResult,
  tool_search_tool_result: serverToolResult,
  mcp_tool_use: block({ id: string, input: anything, name: string, server_name: string }),
  mcp_tool_result: block({ tool_use_id: string }, { content: stringOr(list(tagged({ text }))), is_error: boolean }),
  container_upload: block({ file_id: string }),
  compaction: block(
    {},
    {
      content: nullable(string),
      encrypted_content: nullable(string),
      signature: nullable(string),
      tool_changes: nullable(list(anyObject)),
    },
  ),
  tool_addition: toolChange,
  tool_removal: toolChange,
  mcp_tool_listing: uncachedBlock({ mcp_server_name: string, tools: list(anyObject) }),
  fallback: uncachedBlock({ from: anyObject, to: anyObject }, { trigger: anything }),
  // On the wire though not in the SDK's types (reference 1.3): comes back as it was received.
  connector_text: anyObject,
});

/** `system`: a string, or text blocks. */
export const systemPrompt: Check = stringOr(list(tagged({ text })));

const turn = object({ role: oneOf('user', 'assistant', 'system'), content: stringOr(list(contentBlock)) });

/** With the fields that betas give to system messages. */
const systemTurn = object(
  { role: oneOf('system') },
  {
    content: stringOr(list(contentBlock)),
    clear_at: nullable(oneOf('next_user_message', 'never')),
    output_config: nullable(anyObject),
  },
);

const MOST_MESSAGES = 100_000;

/** The messages, one by one. What a role may hold, and in which order, is a matter of the conversation. */
export const messages: Check = list(
  (value) => (isObject(value) && value['role'] === 'system' ? systemTurn(value) : turn(value)),
  MOST_MESSAGES,
);
