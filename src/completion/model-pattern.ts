/**
 * Whether a model id fits a pattern such as `claude-*`, in which `*` stands for any run of characters, none included.
 * Takes the leftmost place for each part, which is enough where `*` is the only wildcard, so no pattern makes it slow.
 */
export function matchesModel(pattern: string, model: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === model;
  // `*` and `claude-*` are what a call meets, several times: they take no lists.
  if (star === pattern.length - 1) return model.startsWith(pattern.slice(0, star));
  const [prefix = '', ...rest] = pattern.split('*');
  const suffix = rest.pop() ?? '';
  const end = model.length - suffix.length;
  if (end < prefix.length || !model.startsWith(prefix) || !model.endsWith(suffix)) return false;
  let position = prefix.length;
  for (const part of rest) {
    const found = model.indexOf(part, position);
    if (found < 0 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}

/** Whether a model id fits any of the patterns; an empty list fits nothing. */
export function matchesAnyModel(patterns: readonly string[], model: string): boolean {
  return patterns.some((pattern) => matchesModel(pattern, model));
}
