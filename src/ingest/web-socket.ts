/**
 * `GET /v1/ws`: frames of NDJSON text or msgpack, each answered by its number. The server grants credit in its first
 * message, `{"credit":{"frames":n,"bytes":m}}`: that much may be unanswered at once, and each answer gives
 * its frame's part back. What a socket can hold in memory is bounded by that.
 */
import type { TemplatedApp, WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import { admitSender, busyRefusal } from './admission.ts';
import { Body } from './body-memory.ts';
import type { Destination } from './coalescer.ts';
import { Contribution } from './contribution.ts';
import type { EdgeContext } from './edge-context.ts';
import { outcomeJson } from './events.ts';
import { Exchange } from './exchange.ts';
import {
  BYTE_CREDIT,
  FRAME_BYTES_MAX,
  FRAME_CREDIT,
  SOCKET_BACKLOG_BYTES_MAX,
  SOCKET_IDLE_S,
} from './limits.ts';
import type { Parameters } from './parameters.ts';
import { BodyOutcome } from './pieces.ts';
import { NO_MEMORY } from './receive-body.ts';
import { type Refusal, refusalOfFault } from './refusal.ts';

/** One sender. Lives as long as its socket. */
interface Session {
  readonly tenant: string;
  readonly stream: string;
  /** Frames received; a frame's number counts from 1. */
  frames: number;
  unansweredFrames: number;
  unansweredBytes: number;
  isOpen: boolean;
  /** Set while a frame is decoded in pieces, until the frames behind it are decoded too. */
  decoding: Promise<void> | undefined;
}

type Socket = WebSocket<Session>;

/** Close codes of RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
const POLICY_VIOLATION = 1008;

const HELLO = JSON.stringify({
  credit: { frames: FRAME_CREDIT, bytes: BYTE_CREDIT },
  frameBytesMax: FRAME_BYTES_MAX,
});

export class WebSockets {
  readonly #edge: EdgeContext;
  readonly #open = new Set<Socket>();

  constructor(edge: EdgeContext) {
    this.#edge = edge;
  }

  route(app: TemplatedApp): void {
    const behavior: WebSocketBehavior<Session> = {
      maxPayloadLength: FRAME_BYTES_MAX,
      maxBackpressure: SOCKET_BACKLOG_BYTES_MAX,
      closeOnBackpressureLimit: true,
      idleTimeout: SOCKET_IDLE_S,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const { rules, counters, refusalLog } = this.#edge;
        const parameters = rules.parameters.read(req);
        const sender = admitSender(rules, req, req.getHeader('origin'), parameters);
        const refusal = sender.ok
          ? (timedRefusal(parameters) ?? busyRefusal(rules, sender.value.identity.tenant))
          : sender.error;
        if (refusal !== undefined || !sender.ok) {
          const refused = refusal as Refusal;
          refusalLog.note(refused, res, req);
          new Exchange(res, counters, '').refuse(refused);
          return;
        }
        const { identity, stream } = sender.value;
        res.upgrade<Session>(
          newSession(identity.tenant, stream),
          req.getHeader('sec-websocket-key'),
          firstOf(req.getHeader('sec-websocket-protocol')),
          req.getHeader('sec-websocket-extensions'),
          context,
        );
      },
      open: (socket) => {
        this.#open.add(socket);
        this.#edge.counters.webSockets = this.#open.size;
        socket.send(HELLO);
      },
      message: (socket, message, isBinary) => this.#take(socket, new Uint8Array(message), isBinary),
      close: (socket) => {
        socket.getUserData().isOpen = false;
        this.#open.delete(socket);
        this.#edge.counters.webSockets = this.#open.size;
      },
    };
    app.ws('/v1/ws', behavior);
  }

  /** Tells every sender to connect again, elsewhere or later. */
  closeAll(): void {
    for (const socket of [...this.#open]) socket.end(GOING_AWAY, 'the server is stopping');
  }

  #take(socket: Socket, bytes: Uint8Array, isBinary: boolean): void {
    const { rules, pieces, counters } = this.#edge;
    const { memory } = rules;
    const session = socket.getUserData();
    const seq = ++session.frames;
    counters.frames += 1;
    counters.bodyBytes += bytes.length;
    const { length } = bytes;
    if (
      session.unansweredFrames >= FRAME_CREDIT ||
      session.unansweredBytes + length > BYTE_CREDIT
    ) {
      counters.refused('credit_exceeded');
      socket.end(POLICY_VIOLATION, 'more frames or bytes unanswered than the credit allows');
      return;
    }
    const busy = busyRefusal(rules, session.tenant);
    if (busy !== undefined) {
      this.#refuse(socket, seq, busy);
      return;
    }
    // The frames of a socket are decoded in order: behind one that takes several pieces the next ones wait.
    const waiting = session.decoding === undefined ? undefined : new Body(memory);
    if (waiting?.append(bytes) === false) {
      this.#refuse(socket, seq, NO_MEMORY);
      return;
    }
    session.unansweredFrames += 1;
    session.unansweredBytes += length;
    const outcome = new BodyOutcome();
    const contribution = new Contribution(false, ({ fault, position }) => {
      session.unansweredFrames -= 1;
      session.unansweredBytes -= length;
      if (fault !== undefined) this.#refuse(socket, seq, refusalOfFault(fault.code));
      else answer(socket, seq, outcome, position);
    });
    const { tenant, stream } = session;
    const destination: Destination = { tenant, stream, form: isBinary ? 'msgpack' : 'ndjson' };
    const frame = { destination, contribution, outcome };
    if (waiting === undefined) {
      decodeNext(session, pieces.decode({ ...frame, bytes, isOwned: false }));
      return;
    }
    const decode = async () => {
      if (session.isOpen) await pieces.decode({ ...frame, bytes: waiting.bytes(), isOwned: true });
      waiting.release();
    };
    decodeNext(session, session.decoding?.then(decode));
  }

  /** The frame was not taken: the sender sends it again, as a new frame. */
  #refuse(socket: Socket, seq: number, { code, message, retryAfterMs }: Refusal): void {
    if (!socket.getUserData().isOpen) return;
    this.#edge.counters.refused(code);
    socket.send(JSON.stringify({ seq, retryAfterMs, error: { code, message } }));
  }
}

/** A socket lives longer than a clock stays wrong. */
const timedRefusal = ({ sentAt }: Parameters): Refusal | undefined =>
  sentAt === undefined
    ? undefined
    : {
        code: 'invalid_parameter',
        message: '"sentAt" is a parameter of POST /v1/events, and not of a WebSocket: leave it out',
      };

/** Browsers fail a handshake that picks none of the protocols they offered; all mean the same here. */
const firstOf = (protocols: string): string => (protocols.split(',', 1)[0] as string).trim();

const newSession = (tenant: string, stream: string): Session => ({
  tenant,
  stream,
  frames: 0,
  unansweredFrames: 0,
  unansweredBytes: 0,
  isOpen: true,
  decoding: undefined,
});

function decodeNext(session: Session, decoding: Promise<void> | undefined): void {
  session.decoding = decoding;
  void decoding?.then(() => {
    if (session.decoding === decoding) session.decoding = undefined;
  });
}

function answer(
  socket: Socket,
  seq: number,
  outcome: BodyOutcome,
  position: string | undefined,
): void {
  if (!socket.getUserData().isOpen) return;
  socket.send(`{"seq":${seq},${outcomeJson(outcome, position)}}`);
}
