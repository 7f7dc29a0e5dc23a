/* The log of a node, and what is read from it: epochs, the setting k, the members. */

/* An epoch is a number and the node that serves in it. */
#define EP(number, node) (((number) << 2) | (node))
#define NUM(e) ((e) >> 2)
#define NODE(e) ((e) & 3)

/* Kinds of records. Those that carry something carry it in the kind. */
#define K_WRITE 1
#define K_START 2
#define K_STOP 3
#define K_HAND 4   /* + target */
#define K_SET 8    /* + k */
#define K_STARTK 12 /* + k: an epoch-start record with a lowered k */
#define K_MEM 16   /* + the set of voters from then on */
#define IS_HAND(x) ((x) >= 4 && (x) < 7)
#define TARGET(x) ((x) - 4)
#define IS_SET(x) ((x) >= 8 && (x) < 16)
#define KOF(x) ((x) & 3)
#define IS_MEM(x) ((x) >= 16)
#define VOTERS(x) ((x) & 7)
#define IS_START(x) ((x) == K_START || ((x) >= 12 && (x) < 16))

mtype = { DOWN, SECONDARY, CANDIDATE, STARTING, PRIMARY };

typedef Node {
  /* On disk. Record i is (le[i], lk[i]); le[0] is the epoch that the empty log stands for. */
  byte le[SEQ + 1];
  byte lk[SEQ + 1];
  byte dur;    /* records up to here survive a crash; those after it may */
  byte shown;  /* the committed position that was shown: on disk before anybody saw it */
  byte gr;     /* the newest epoch granted */
  byte mine;   /* gr is 1: claimed by a promotion, 2: claimed by a resume; 3: not claimed, and right
                  above the newest that was; 0: neither */
  byte given[3]; /* number of the newest epoch granted to each other node (see switchover.pml) */
#if LOSES
  bit lost;    /* its log was lost, and it has not everything that is committed yet */
  byte fences; /* candidate: who granted and has lost its log: the promise counts, the vote does not */
#endif
  byte gk[EPOCHS + 1]; /* 1 + the k that was told with the grant of this number; 0: none */
  /* In memory. */
  byte end;    /* the end of the log */
  mtype role;
  bit fol;     /* a live stream from the primary of epoch gr */
  byte ss;     /* primary: seq of its epoch-start record */
  byte ack[3]; /* primary: what the others told to be durable, in this epoch */
  byte newk;   /* candidate: the lowered k that it stands with, as in gk */
  byte grants; /* candidate: who granted, a set of bits */
  byte late;   /* candidate: number of the newest epoch that who granted had granted to yet another node */
  byte kmin;   /* candidate: smallest and largest k of all that was told */
  byte kmax;
  byte beste;  /* candidate: the newest end of a log that was told */
  byte bests;
};
Node nd[NODES];

#if LOSES
/* The log cannot be right any more: all of it goes, and what was granted stays. It is followed anew from
   nothing. What it grants it keeps, and that fences who was primary before. Its acknowledgements count as
   soon as they are true again; its vote only once it has been told a committed position by a primary whose
   own start record is committed, and has everything up to it: until then it may lack what was committed by
   its own acknowledgement. */
bit one_lost;
#define FENCES(c) nd[c].fences
#define ADD_FENCE(c, g) nd[c].fences = nd[c].fences | (1 << g)
#define NO_FENCES(c) nd[c].fences = 0
#define MAY_VOTE(n) (!nd[n].lost || !KEEP(LOST_LOG_NO_VOTE))
#define IS_WHOLE(n, p) if :: nd[p].role == PRIMARY && nd[n].shown == nd[p].shown -> nd[n].lost = 0 :: else fi
#define FOLLOWS_ANEW(n) if :: !KEEP(LOST_LOG_UNTIL_WHOLE) -> nd[n].lost = 0 :: else fi
#else
#define MAY_VOTE(n) true
#define FENCES(c) 0
#define ADD_FENCE(c, g) skip
#define NO_FENCES(c) skip
#define IS_WHOLE(n, p) skip
#define FOLLOWS_ANEW(n) skip
#endif

#define LASTE(n) nd[n].le[nd[n].end]
#define LASTK(n) nd[n].lk[nd[n].end]
#define UP(n) (nd[n].role != DOWN)
#define SERVES(n) (nd[n].role == STARTING || nd[n].role == PRIMARY)
#define HAS(set, n) (((set) >> (n)) & 1)
#define COUNT(set) (((set) & 1) + (((set) >> 1) & 1) + (((set) >> 2) & 1))

/* "For each seq" as expressions, so that they can stand in a guard. */
#define FIND1(f, n, p, d) f(n, p, 1, d)
#define FIND2(f, n, p, d) f(n, p, 2, FIND1(f, n, p, d))
#define FIND3(f, n, p, d) f(n, p, 3, FIND2(f, n, p, d))
#define FIND4(f, n, p, d) f(n, p, 4, FIND3(f, n, p, d))
#define FIND5(f, n, p, d) f(n, p, 5, FIND4(f, n, p, d))
#define FIND6(f, n, p, d) f(n, p, 6, FIND5(f, n, p, d))
#if SEQ == 2
#define FIND FIND2
#elif SEQ == 3
#define FIND FIND3
#elif SEQ == 4
#define FIND FIND4
#elif SEQ == 5
#define FIND FIND5
#else
#define FIND FIND6
#endif

/* The newest setting, and the newest members, in the records 1..p of node n. */
#if SETTINGS || LOWER
#define K_IF(n, p, i, older) ((p) >= i && IS_SET(nd[n].lk[i]) -> KOF(nd[n].lk[i]) : older)
#define KAT(n, p) FIND(K_IF, n, p, K0)
#else
#define KAT(n, p) K0
#endif
#if MEMBERS
#define V_IF(n, p, i, older) ((p) >= i && IS_MEM(nd[n].lk[i]) -> VOTERS(nd[n].lk[i]) : older)
#define VAT(n, p) FIND(V_IF, n, p, VOTERS0)
#define MEM_IF(n, p, i, others) ((i > (p) && i <= nd[n].end && IS_MEM(nd[n].lk[i])) || others)
#define MEMBERS_PENDING(n) FIND(MEM_IF, n, nd[n].shown, false)
#else
#define VAT(n, p) VOTERS0
#define MEMBERS_PENDING(n) false
#endif

/* Used inside one step only, so not part of a state (a breadth-first search does not know `hidden`). */
#ifndef BREADTH_FIRST
#define BREADTH_FIRST 0
#endif
#if BREADTH_FIRST
byte i, j, f, k, was;
#else
hidden byte i, j, f, k, was;
#endif

/* f = how many records from the first on are the same in a and b. */
inline fork(a, b) {
  f = 0;
  do
  :: f < nd[a].end && f < nd[b].end && nd[a].le[f + 1] == nd[b].le[f + 1] -> f++
  :: else -> break
  od
}

/* Records after `at` are gone. */
inline cut_after(n, at) {
  do
  :: nd[n].end > at ->
    nd[n].le[nd[n].end] = 0;
    nd[n].lk[nd[n].end] = 0;
    nd[n].end--
  :: else -> break
  od;
  if
  :: nd[n].dur > nd[n].end -> nd[n].dur = nd[n].end
  :: else
  fi
}

/* The records after this log's end, up to `to`, as m has them. */
inline copy_from(n, m, to) {
  do
  :: nd[n].end < to ->
    nd[n].end++;
    nd[n].le[nd[n].end] = nd[m].le[nd[n].end];
    nd[n].lk[nd[n].end] = nd[m].lk[nd[n].end]
  :: else -> break
  od
}

inline append(n, kind) {
  nd[n].end++;
  nd[n].le[nd[n].end] = nd[n].gr;
  nd[n].lk[nd[n].end] = kind
}

/* A node forgets what it had in memory as primary or candidate. */
inline forget_role(n) {
  nd[n].ss = 0;
  nd[n].ack[0] = 0; nd[n].ack[1] = 0; nd[n].ack[2] = 0;
  nd[n].newk = 0; nd[n].grants = 0; NO_FENCES(n); nd[n].kmin = 0; nd[n].kmax = 0;
  nd[n].beste = 0; nd[n].bests = 0; nd[n].late = 0
}
