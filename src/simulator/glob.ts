/** Whether a name matches one of the patterns, in which `*` stands for anything; no patterns at all match every name. */
export type NameMatcher = (name: string) => boolean;

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Compiles patterns such as `claude-opus-*`, once for many names. */
export function matchNames(patterns: readonly string[] | undefined): NameMatcher {
  if (patterns === undefined || patterns.length === 0) return () => true;
  const alternatives = patterns.map((pattern) => pattern.split('*').map(literally).join('.*'));
  const expression = new RegExp(`^(?:${alternatives.join('|')})$`, 's');
  return (name) => expression.test(name);
}
