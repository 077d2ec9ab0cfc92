/** Tools that the API runs itself: what they find is no function of the request (messages-api 1.6, "Runs"). */
const SERVER_TOOL = /"type"\s*:\s*"(?:web_search|web_fetch|code_execution|tool_search_tool|advisor|mcp_toolset)/;
/**
 * Tools may also come with a message, in whatever way they run (messages-api 1.3, `tool_addition`); and images and documents
 * by URL are what is found there at the time.
 */
const FROM_ELSEWHERE = /"type"\s*:\s*"(?:tool_addition|url)"/;
/** Members of requests that name state which the upstream keeps; and tools, in a shape that the proto does not know. */
const UPSTREAM_STATE = /"(?:mcp_servers|thread|container|fallback_credit_token|context_management|tools)"\s*:/;
const ASCII_ESCAPE = /\\u00([0-7][0-9a-f])/gi;

/**
 * Whether the answer follows from the request alone, by the JSON texts of its members. In doubt it does not: an answer
 * too many is paid for, rather than one that is another's given away.
 *
 * @param body all of them together; the messages are looked for there, because looking at a text puts it together, and of
 *   long ones that is to happen once
 */
export function isSelfContained(text: (field: string) => string | undefined, body: string): boolean {
  if (text('container') !== undefined || text('diagnostics') !== undefined) return false;
  if (SERVER_TOOL.test(spelledOut(text('tools')))) return false;
  if (FROM_ELSEWHERE.test(spelledOut(body))) return false;
  return !UPSTREAM_STATE.test(spelledOut(text('extra')));
}

/** JSON whose escapes hide no name. */
function spelledOut(json = ''): string {
  if (!json.includes('\\u')) return json;
  return json.replace(ASCII_ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
