/* Switchover, and the clean-stop record: logs whose end says that their author appends nothing more
   in that epoch. */

#if SWITCHOVER
/* A log that ends in a hand-over to t belongs to t: nobody else goes on from it without a grant of t
   (which is t's durable refusal) or the word that t is down and was not primary since. */
#define HANDED_AWAY(n) (IS_HAND(LASTK(n)) && TARGET(LASTK(n)) != n && KEEP(HANDED_OVER_NEEDS_TARGET))
#define NOT_HANDED_AWAY(c) (!HANDED_AWAY(c) || HAS(nd[c].grants, TARGET(LASTK(c))) || DOWN_AND_OLD(c, TARGET(LASTK(c))))
/* The target needs no more than the author's grant, or the word: the author has appended nothing after
   it, and does not resume when it is started again. The right ends for good when the target, or one who
   grants it this epoch, has granted a newer epoch than the hand-over's to another node. */
#define GIVEN_BY(c, m) (c != m && nd[c].given[m] > NUM(LASTE(c)))
#define RIGHT_STANDS(c) (!(GIVEN_BY(c, 0) || GIVEN_BY(c, 1) || GIVEN_BY(c, 2)) || !KEEP(HANDOVER_RIGHT_ENDS))
#define NOBODY_SINCE(c) (nd[c].late <= NUM(LASTE(c)) || !KEEP(HANDOVER_RIGHT_ENDS))
#define HANDED_TO_ME(c) (IS_HAND(LASTK(c)) && TARGET(LASTK(c)) == c && RIGHT_STANDS(c) && !BARRED(c) && ((HAS(nd[c].grants, NODE(LASTE(c))) && NOBODY_SINCE(c)) || WORD(c)))
#else
#define HANDED_AWAY(n) false
#define NOT_HANDED_AWAY(c) true
#define HANDED_TO_ME(c) false
#endif

#if STOPS || SWITCHOVER
/* A log that ends in a clean-stop record, or in a hand-over, is complete; that no newer epoch began
   elsewhere is the operator's word, in full. With k = 0 a stopped node could resume by itself, in the
   same epoch number, if it were started where it reaches nobody; with any k those that are stopped could
   be a quorum that does not know of the new primary, and be told to lower k. So the word promises one
   thing more: whoever is stopped is not started before it can reach the new primary, and stands for
   nothing before it has heard of it. (The author of a hand-over does not resume; its target needs no
   such promise about it.) */
byte barred;
#define BAR_STOPPED(c) if :: ENOUGH_IN_ALL(c) || HANDED_TO_ME(c) || !KEEP(STOPPED_STAYS_STOPPED) :: else -> barred = barred | (7 & ~nd[c].grants) fi
#define BARRED(n) HAS(barred, n)
#define IS_FINAL(x) ((x) == K_STOP || IS_HAND(x))
#define CLEANLY_STOPPED(c) (IS_FINAL(LASTK(c)) && (WORD(c) || (!KEEP(STOP_NEEDS_FULL_WORD) && ALL_DOWN(c))))
#else
#define BAR_STOPPED(c) skip
#define BARRED(n) false
#define CLEANLY_STOPPED(c) false
#endif
