/* What a run is made of. tests/model/check sets these by -D; the defaults are the smallest cluster. */
#ifndef NODES
#define NODES 2
#endif
#ifndef SEQ
#define SEQ 3 /* records in a log, at most 6 */
#endif
#ifndef EPOCHS
#define EPOCHS 3 /* numbers of epochs, at most 4; epoch 1 of node 0 is there at the start */
#endif
#ifndef K0
#define K0 1 /* the setting k that every node starts with */
#endif
#ifndef VOTERS0
#define VOTERS0 ((1 << NODES) - 1) /* the members that vote at the start, a set of bits */
#endif

/* Features: each adds steps, and so states. 1 = part of this run. */
#ifndef SETTINGS
#define SETTINGS 0 /* records that change k while a primary serves */
#endif
#ifndef LOWER
#define LOWER 0 /* promote --sync: the epoch-start record itself may lower k */
#endif
#ifndef MEMBERS
#define MEMBERS 0 /* a voting member is added or forgotten */
#endif
#ifndef SWITCHOVER
#define SWITCHOVER 0
#endif
#ifndef SNAPSHOTS
#define SNAPSHOTS 0
#endif
#ifndef STOPS
#define STOPS 0 /* the clean-stop record */
#endif
#ifndef DEGRADE
#define DEGRADE 0 /* 1: a primary may acknowledge alone, promotion as with policy block; 2: the same, and
                     promotion asks as if k were 0 */
#endif
#ifndef LOSES
#define LOSES 0 /* one node loses its log, once; what it granted is still there */
#endif
#ifndef RESUME
#define RESUME 1 /* k = 0: a restarted primary resumes without grants */
#endif
#ifndef WORD_BARS
#define WORD_BARS 1 /* 0: the operator's word about who is stopped does not keep them from standing (ADR 9) */
#endif
#ifndef KMAX
#define KMAX 1 /* the largest k that a record may set */
#endif

/* The rule that this run leaves out; 0: none. */
#ifndef WITHOUT
#define WITHOUT 0
#endif
#define GRANTS_KEPT 1
#define OLDER_EPOCH_REFUSED 2
#define QUORUM 3
#define K_PLUS_ONE_OR_WORD 4
#define WORD_IS_TRUE 5
#define WORD_REPLACES_NO_GRANT 6
#define SMALLEST_K 7
#define K_TOLD 8
#define SETTING_ONCE_COMMITTED 9
#define LARGEST_K_FOR_START 10
#define START_FIRST 11
#define FETCH_WHO_IS_AHEAD 12
#define SHOWN_KEPT 13
#define CUT_PENDING_ONLY 14
#define ACK_ONCE_DURABLE 15
#define NEW_EPOCH_AT_RESTART 16
#define RESUME_IN_NEWEST_OWN 17
#define OLD_AND_NEW_MEMBERS 18
#define ONE_CHANGE_AT_A_TIME 19
#define FORGOTTEN_DO_NOT_COUNT 20
#define HANDED_OVER_NEEDS_TARGET 21
#define HANDOVER_IS_LAST 22
#define HANDOVER_RIGHT_ENDS 23
#define SNAPSHOT_KEEPS_COMMON 24
#define SNAPSHOT_NOT_BACK 25
#define STOP_NEEDS_FULL_WORD 26
#define WORD_COVERS_UNFINISHED 27
#define STOPPED_STAYS_STOPPED 28
#define HANDOVER_DURABLE_FIRST 29
#define MEMBERS_COUNT_AFTER_RECORD 30
#define DEGRADED_RESTART_IN_NEWEST_OWN 31
#define START_IN_OLD_AND_NEW 32
#define LOST_LOG_NO_VOTE 33
#define LOST_LOG_UNTIL_WHOLE 34
#define LOWERED_K_NEEDS_GRANTS 35
#define KEEP(rule) (WITHOUT != rule)
