/**
 * tui: live views on a terminal. View models are pure functions of state and time; components only draw them; one store
 * and one tick feed a screen. The only room that loads ink, itself loaded only by commands that open a view.
 */
export { showRaft } from './raft.ts';
export { showSchedulerWatch } from './scheduler.ts';
export { showWatch, type WatchViewRequest } from './watch.ts';
