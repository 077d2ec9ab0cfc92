/** What is read of a peer certificate: the object that `tls.TLSSocket.getPeerCertificate()` gives for a verified peer. */
export interface PeerCertificate {
  readonly subject?: { readonly CN?: string | string[] };
  readonly subjectaltname?: string;
  readonly valid_from: string;
  readonly valid_to: string;
}

/**
 * The tenant names that a certificate may stand for, the likelier first. A URI SAN decides alone: its full text, and
 * for a SPIFFE ID its whole path (`spiffe://acme.example/search-team` gives `search-team`, and
 * `spiffe://acme.example/ns/a/sa/b` gives `ns/a/sa/b`). Never the last segment: whoever may name a service account in
 * any namespace of a mesh could take another tenant's name by it. Without a URI SAN, the CN.
 *
 * None where the certificate is ambiguous: more than one URI (the X.509-SVID standard, 2, allows exactly one) or CN.
 */
export function namesOf(certificate: PeerCertificate): readonly string[] {
  const uris = uriNames(certificate.subjectaltname ?? '');
  const [uri] = uris;
  if (uri === undefined) {
    const common = certificate.subject?.CN;
    return typeof common === 'string' && common !== '' ? [common] : [];
  }
  if (uris.length > 1) return [];
  const path = /^spiffe:\/\/[^/?#]+\/([^?#]+)$/.exec(uri)?.[1];
  return path === undefined ? [uri] : [uri, path];
}

/**
 * Whether the certificate is within its dates. The handshake has checked them once; a connection may outlive them.
 *
 * @param now milliseconds since the epoch
 */
export function isCurrent(certificate: PeerCertificate, now: number): boolean {
  return Date.parse(certificate.valid_from) <= now && now <= Date.parse(certificate.valid_to);
}

const AMBIGUOUS: string[] = ['', ''];

/** One `TYPE:value` of the list; a value with anything special in it is a JSON string (Node, CVE-2021-44532). */
const NAME = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

function uriNames(list: string): string[] {
  const uris: string[] = [];
  NAME.lastIndex = 0;
  while (NAME.lastIndex < list.length) {
    const match = NAME.exec(list);
    // What cannot be read may hide a name: an unreadable list is an ambiguous one.
    if (match === null) return AMBIGUOUS;
    const [, type, value = ''] = match;
    if (type !== 'URI') continue;
    const uri = value.startsWith('"') ? unquoted(value) : value;
    if (uri === undefined) return AMBIGUOUS;
    uris.push(uri);
  }
  return uris;
}

function unquoted(literal: string): string | undefined {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
