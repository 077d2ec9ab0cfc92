const UNITS = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const;

/** The form of a size in the settings: bytes, or a binary unit. `MB` is left out because it means two things. */
export const SIZE_PATTERN = /^\d{1,15}(KiB|MiB|GiB)?$/;

/** Reads `33554432` or `32MiB` as bytes; undefined where the text is neither. */
export function parseSize(text: string): number | undefined {
  if (!SIZE_PATTERN.test(text)) return undefined;
  const [unit, factor] = UNITS.find(([unit]) => text.endsWith(unit)) ?? ['', 1];
  return Number(text.slice(0, text.length - unit.length)) * factor;
}

/** Writes bytes in the largest binary unit that keeps them whole. */
export function formatSize(bytes: number): string {
  const [unit, factor] = UNITS.find(([, factor]) => bytes >= factor && bytes % factor === 0) ?? ['', 1];
  return `${bytes / factor}${unit}`;
}
