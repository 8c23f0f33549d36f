/**
 * client: transports, informers, listers, workqueues, leader election, events.
 */
export {
  type ApiMethod,
  type ApiRequest,
  type ApiResponse,
  ConnectionError,
  type RequestCause,
  type Transport,
} from './transport.ts';
