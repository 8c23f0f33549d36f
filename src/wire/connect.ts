import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { wallClock } from '../base/index.ts';
import { GrpcError, grpcCode } from './status.ts';
import { loadTls, type TlsOptions } from './tls.ts';

interface Target {
  readonly unixPath?: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** `http://host:port`, `https://host:port`, `host:port` (TLS when `tls` says so) or `unix:/path`. */
export function parseTarget(target: string, tls: boolean): Target {
  if (target.startsWith('unix:')) {
    return { unixPath: target.replace(/^unix:(\/\/)?/, ''), host: 'localhost', port: 0, secure: false };
  }
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:]+):(\d+)\/?$/.exec(target);
  if (!match) {
    const message = `not an address: ${JSON.stringify(target)}; use host:port`;
    throw new GrpcError(grpcCode.invalidArgument, message, { unsent: true });
  }
  return { host: match[2]!, port: Number(match[3]), secure: match[1] ? match[1] === 'https' : tls };
}

/** An HTTP/2 session whose server has shown that it speaks HTTP/2. Throws Unavailable, `unsent`. */
export async function connect(
  target: string,
  options: { readonly tls?: TlsOptions; readonly connectTimeoutMs: number },
): Promise<ClientHttp2Session> {
  const parsed = parseTarget(target, options.tls !== undefined);
  const [http2, socket] = await Promise.all([import('node:http2'), dial(parsed, options.tls)]);
  const authority = `${parsed.secure ? 'https' : 'http'}://${parsed.host}:${parsed.port || 80}`;
  const session = http2.connect(authority, {
    settings: { initialWindowSize: 4 << 20, enablePush: false },
    maxSessionMemory: 1024,
    createConnection: () => socket,
  });
  // Whoever waits for the connection, or for a call on it, hears of its errors; here they must only not be unhandled.
  session.on('error', ignore);
  socket.on('error', ignore);
  try {
    await new Promise<void>((resolve, reject) => {
      const settle = (reason?: string, cause?: unknown) => {
        timer.cancel();
        session.off('error', onError).off('close', onClose).off('remoteSettings', onReady);
        socket.off('error', onError);
        if (reason === undefined) return resolve();
        const message = `connection error: desc = "transport: ${reason}"`;
        reject(new GrpcError(grpcCode.unavailable, message, { cause, unsent: true }));
      };
      const onError = (error: DialError) => settle(failureText(error), error);
      const onClose = () => settle('connection closed before the server preface was received');
      // Not 'connect': only a server that speaks HTTP/2 sends settings.
      const onReady = () => settle();
      const timer = wallClock.schedule(options.connectTimeoutMs, () => settle(`dial ${target}: i/o timeout`));
      session.on('error', onError).on('close', onClose).on('remoteSettings', onReady);
      // TLS 1.3: a refused client certificate is an alert after the handshake, which the session does not notice.
      socket.on('error', onError);
    });
  } catch (error) {
    session.destroy();
    socket.destroy();
    throw error;
  }
  socket.on('error', () => session.destroy());
  session.setLocalWindowSize(16 << 20);
  return session;
}

async function dial({ unixPath, host, port, secure }: Target, tls: TlsOptions | undefined): Promise<Socket> {
  if (!secure) {
    const net = await import('node:net');
    return unixPath === undefined ? net.connect(port, bare(host)) : net.connect(unixPath);
  }
  const [{ isIP }, { connect: connectTls }] = await Promise.all([import('node:net'), import('node:tls')]);
  return connectTls({
    host: bare(host),
    port,
    servername: tls?.serverName ?? (isIP(bare(host)) ? '' : host),
    ALPNProtocols: ['h2'],
    rejectUnauthorized: !tls?.insecureSkipVerify,
    ...(tls ? loadTls(tls) : {}),
  });
}

type DialError = Error & { readonly code?: string; readonly reason?: string };

const unknownAuthority = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** In the words of grpc-go, which people look for; Node's give advice for programs of one's own. */
function failureText({ code = '', reason, message }: DialError): string {
  const verify = 'authentication handshake failed: tls: failed to verify certificate: x509:';
  if (unknownAuthority.has(code)) return `${verify} certificate signed by unknown authority`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return `${verify} certificate has expired or is not yet valid`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${verify} ${reason ?? message}`;
  return `Error while dialing: ${reason ?? message}`;
}

const bare = (host: string) => host.replace(/^\[|\]$/g, '');
const ignore = () => {};
