/** Tools that the API runs itself: what they find is no function of the request (messages-api 1.6, "Runs"). */
const SERVER_TOOL = /"type"\s*:\s*"(?:web_search|web_fetch|code_execution|tool_search_tool|advisor|mcp_toolset)/;
/** Members of requests that name state which the upstream keeps. */
const UPSTREAM_STATE = /"(?:mcp_servers|thread|container|fallback_credit_token|context_management)"\s*:/;

/** Whether the answer follows from the request alone, by the JSON texts of its members. */
export function isSelfContained(text: (field: string) => string | undefined): boolean {
  if (text('container') !== undefined || SERVER_TOOL.test(text('tools') ?? '')) return false;
  return !UPSTREAM_STATE.test(text('extra') ?? '');
}
