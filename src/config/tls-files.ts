import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Draft } from './draft.ts';

const PATH = ['server', 'tls'];

/**
 * Checks that the certificate, its key and the client authorities are what they should be and fit together, so that
 * `check` finds out and not the first handshake.
 *
 * @param texts Text of each file by its absolute path.
 */
export function checkTlsFiles(draft: Draft, texts: ReadonlyMap<string, string>): void {
  const cert = textOf('cert_file');
  const key = textOf('key_file');
  const ca = textOf('client_ca_file');
  const certWorks = cert === undefined || tries(() => createSecureContext({ cert }));
  const keyWorks = key === undefined || tries(() => createSecureContext({ key }));
  if (!certWorks) draft.blame([...PATH, 'cert_file'], 'the file holds no certificate in PEM. Give the right one.');
  if (!keyWorks)
    draft.blame([...PATH, 'key_file'], 'the file holds no unencrypted private key in PEM. Give the right one.');
  if (ca !== undefined && !tries(() => new X509Certificate(ca)))
    draft.blame([...PATH, 'client_ca_file'], 'the file holds no certificate in PEM. Give the right one.');
  if (
    cert !== undefined &&
    key !== undefined &&
    certWorks &&
    keyWorks &&
    !tries(() => createSecureContext({ cert, key }))
  )
    draft.blame([...PATH, 'key_file'], 'the key does not belong to cert_file. Give the one that does.');

  function textOf(setting: string): string | undefined {
    const file = draft.get([...PATH, setting]);
    return typeof file === 'string' ? texts.get(file) : undefined;
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
