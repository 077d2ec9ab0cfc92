import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Draft } from './draft.ts';
import type { FileContent } from './files.ts';
import type { Path } from './problem.ts';

const SERVER: Path = ['server', 'tls'];
const AUTHORITIES: readonly Path[] = [
  [...SERVER, 'client_ca_file'],
  ['redis', 'ca_file'],
];

/**
 * Checks that certificates, keys and authorities are what they should be and fit together, so that `check` finds out and
 * not the first handshake.
 *
 * @param contents What each file holds, by its absolute path.
 */
export function checkPemFiles(draft: Draft, contents: ReadonlyMap<string, FileContent>): void {
  checkCertificate();
  for (const setting of AUTHORITIES) {
    const ca = textOf(setting);
    if (ca !== undefined && !tries(() => new X509Certificate(ca)))
      draft.blame(setting, 'the file holds no certificate in PEM. Give the right one.');
  }

  function checkCertificate(): void {
    const cert = textOf([...SERVER, 'cert_file']);
    const key = textOf([...SERVER, 'key_file']);
    const certWorks = cert === undefined || tries(() => createSecureContext({ cert }));
    const keyWorks = key === undefined || tries(() => createSecureContext({ key }));
    if (!certWorks) draft.blame([...SERVER, 'cert_file'], 'the file holds no certificate in PEM. Give the right one.');
    if (!keyWorks)
      draft.blame([...SERVER, 'key_file'], 'the file holds no unencrypted private key in PEM. Give the right one.');
    if (cert === undefined || key === undefined || !certWorks || !keyWorks) return;
    if (!tries(() => createSecureContext({ cert, key })))
      draft.blame([...SERVER, 'key_file'], 'the key does not belong to cert_file. Give the one that does.');
  }

  function textOf(setting: Path): string | undefined {
    const file = draft.get(setting);
    return typeof file === 'string' ? contents.get(file)?.text : undefined;
  }
}

/** Whether OpenSSL takes it. What it says of a refusal is left out: it speaks of ASN.1, not of the setting. */
function tries(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
