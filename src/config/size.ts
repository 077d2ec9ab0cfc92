/** The binary units in which sizes are written back, largest first. */
const BINARY = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const;

/**
 * The form of a size in the settings: bytes, or a number with a unit of IEC 80000-13 (`MiB`, powers of 1024) or of the SI
 * (`MB`, powers of 1000). The B may be left out, as in Kubernetes
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/); lower-case units other than `k`
 * are not taken, since `m` is a thousandth there and a mebibyte elsewhere.
 */
export const SIZE_PATTERN = /^(?:\d{1,15}B?|\d{1,15}(?:\.\d{1,9})?(?:[KMGT]i|[kKMGT])B?)$/;
const PARTS = /^([\d.]+)([kKMGT]?)(i?)/;

/**
 * Reads `33554432`, `32MiB`, `32Mi`, `10MB`, `1G` or `1.5GiB` as whole bytes, of which a part counts as one. Undefined
 * where the text is none of these.
 */
export function parseSize(text: string): number | undefined {
  const [, number, prefix = '', binary] = (SIZE_PATTERN.test(text) && PARTS.exec(text)) || [];
  if (number === undefined) return undefined;
  const power = 'KMGT'.indexOf(prefix.toUpperCase()) + 1;
  return Math.ceil(Number(number) * (binary === 'i' ? 1024 : 1000) ** (prefix === '' ? 0 : power));
}

/** Writes bytes in the largest binary unit that keeps them whole. */
export function formatSize(bytes: number): string {
  const [unit, factor] = BINARY.find(([, factor]) => bytes >= factor && bytes % factor === 0) ?? ['', 1];
  return `${bytes / factor}${unit}`;
}
