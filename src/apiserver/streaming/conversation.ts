/** One exec or attach as all protocols offer it. */
import type { Status } from '../../apimachinery/index.ts';
import type { RemoteStreams } from '../types.ts';

export interface StreamChoice {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface Conversation {
  readonly streams: RemoteStreams;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** How it ended; output written before reaches the client before. */
  writeStatus(status: Status): Promise<void> | undefined;
  /** Closes what the protocol has to close. The connection itself is the door's. */
  finish(): void;
}

export const success: Status = { metadata: {}, status: 'Success' } as Status;

/** What protocols before v4 get of a status: text, and nothing of a success. */
export function statusText(status: Status): string {
  return status.status === 'Success' ? '' : (status.message ?? '');
}

/** Resize messages: JSON objects, one after another. Upstream: handleResizeEvents. */
export async function* terminalSizes(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly width: number; readonly height: number }, void, void> {
  let text = '';
  for await (const chunk of bytes) {
    text += Buffer.from(chunk).toString('utf8');
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const message = text.slice(0, end + 1);
      text = text.slice(end + 1);
      const { Width, Height } = readSize(message);
      yield { width: Width, height: Height };
    }
    // What is no size is not kept for ever.
    if (text.length > 1024) return;
  }
}

function readSize(message: string): { Width: number; Height: number } {
  try {
    const { Width, Height } = JSON.parse(message) as Record<string, unknown>;
    return { Width: Number(Width) || 0, Height: Number(Height) || 0 };
  } catch {
    return { Width: 0, Height: 0 };
  }
}
