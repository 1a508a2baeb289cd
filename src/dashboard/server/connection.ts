/** The server as a page reaches it: who asks, the one WebSocket, and whether that is heard. */
import { createContext } from 'preact';
import { useContext, useEffect, useMemo, useState } from 'preact/hooks';
import { type Connection, type Live, openLive } from './graph.ts';
import type { Session } from './session.ts';

export interface Server {
  /** Undefined: nobody is signed in, a shared link was opened. */
  readonly session: Session | undefined;
  /** Of the link. */
  readonly key: string | undefined;
  readonly live: Live;
  /** How often the connection was lost and is there again. */
  readonly recoveries: number;
  /** The server lets nobody in any more: the session is over, or the link. */
  readonly ended: () => void;
}

export const ServerContext = createContext<Server | undefined>(undefined);

export function useServer(): Server {
  const server = useContext(ServerContext);
  if (server === undefined) throw new Error('used outside of a page that reaches the server');
  return server;
}

export function usePage(): Server & { readonly session: Session } {
  const { session, ...server } = useServer();
  if (session === undefined) throw new Error('used outside of the signed-in page');
  return { ...server, session };
}

/** Connects for as long as the component is there. */
export function useConnection({ session, key, ended }: Pick<Server, 'session' | 'key' | 'ended'>): {
  readonly server: Server;
  readonly isLost: boolean;
} {
  const [isLost, setIsLost] = useState(false);
  const [recoveries, setRecoveries] = useState(0);
  const live = useMemo(() => {
    let last: Connection = 'connecting';
    const changed = (next: Connection) => {
      if (last === 'lost' && next === 'open') setRecoveries((before) => before + 1);
      last = next;
      setIsLost(next === 'lost');
    };
    return openLive(changed, ended, key);
  }, [ended, key]);
  useEffect(() => () => live.close(), [live]);
  const server = useMemo(
    () => ({ session, key, live, recoveries, ended }),
    [session, key, live, recoveries, ended],
  );
  return { server, isLost };
}
