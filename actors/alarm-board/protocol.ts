/** What the alarm board is told and asked. */
import type { AlarmRule } from '../../src/model/alarm.ts';
import type {
  Acknowledgement,
  AlarmPage,
  AlarmQuery,
  BoardView,
  Checked,
  ReceiverView,
  RuleView,
  SilenceView,
} from '../../src/model/alarm-board.ts';
import type {
  Delivery,
  Receiver,
  ReceiverRef,
  Route,
  Silence,
} from '../../src/model/notification.ts';
import type { TestRows } from './rule-test.ts';

export type Reply<T> = (answer: T | Error) => void;
interface To<T> {
  readonly replyTo: Reply<T>;
}
interface OfTenant {
  readonly tenant: string;
}

export type BoardQuestion =
  | ({ readonly type: 'alarms'; readonly query: AlarmQuery } & To<AlarmPage>)
  | ({ readonly type: 'rules' } & OfTenant & To<readonly RuleView[]>)
  | ({ readonly type: 'silences' } & OfTenant & To<readonly SilenceView[]>)
  | ({ readonly type: 'receivers' } & OfTenant & To<readonly ReceiverView[]>)
  | ({ readonly type: 'routes' } & OfTenant & To<OwnAndConfigured>)
  | ({ readonly type: 'rowsFor'; readonly rule: AlarmRule } & To<TestRows | undefined>)
  /** Of all tenants if none is named. */
  | ({ readonly type: 'board'; readonly tenant?: string } & To<BoardView>);

export interface OwnAndConfigured {
  readonly config: readonly Route[];
  readonly own: readonly Route[];
}

/** What is in them has been checked by itself; whether it fits to what exists is checked by the board. */
export type BoardChange =
  | ({
      readonly type: 'putRule';
      readonly rule: AlarmRule;
      /** Another one of its name is not replaced. Default: it is. */
      readonly isNew?: boolean;
    } & To<Checked<AlarmRule>>)
  | ({ readonly type: 'removeRule'; readonly name: string } & OfTenant & To<Checked<boolean>>)
  | ({ readonly type: 'putReceiver'; readonly receiver: Receiver } & To<Checked<Receiver>>)
  | ({ readonly type: 'removeReceiver'; readonly receiver: ReceiverRef } & To<Checked<boolean>>)
  | ({ readonly type: 'setRoutes'; readonly routes: readonly Route[] } & OfTenant &
      To<Checked<readonly Route[]>>)
  | ({
      readonly type: 'setReceiverEnabled';
      readonly receiver: ReceiverRef;
      readonly isEnabled: boolean;
    } & To<boolean>)
  | ({ readonly type: 'addSilence'; readonly silence: Silence } & To<Checked<Silence>>)
  | ({ readonly type: 'expireSilence'; readonly id: string } & OfTenant & To<boolean>)
  | ({
      readonly type: 'acknowledge';
      readonly alarm: string;
      /** Null takes it back. */
      readonly acknowledgement: Acknowledgement | null;
    } & OfTenant &
      To<Checked<boolean>>)
  /** The receiver has answered that it is gone; `delivery` is how it said so. */
  | ({
      readonly type: 'gone';
      readonly receiver: ReceiverRef;
      readonly delivery: Delivery;
    } & To<null>);

/** `tick`: look whether partitions have closed something, and whether a message is due. */
export type BoardCommand = { readonly type: 'tick' } | BoardQuestion | BoardChange;
