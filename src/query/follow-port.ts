/** Events as they are committed. */
export type {
  FollowedEvents,
  FollowPort,
  FollowQuestion,
  FollowSource,
} from '../../actors/follow/questions.ts';
