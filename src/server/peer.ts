import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';

/** Who is at the other end, as far as the transport knows. */
export interface Peer {
  /** Address and port, e.g. `10.0.0.7:51234`. */
  readonly address: () => string;
  /** The verified client certificate; absent without mTLS. Parsed when it is first asked for. */
  readonly certificate: () => PeerCertificate | undefined;
}

/** The peer of a call. */
export function peerOf(grpc: ServerInterceptingCallInterface): Peer {
  let certificate: { readonly found: PeerCertificate | undefined } | undefined;
  return {
    address: () => grpc.getPeer(),
    certificate: () => (certificate ??= { found: grpc.getAuthContext().sslPeerCertificate }).found,
  };
}
