/**
 * Everyday English verbs, many of them nouns too, in their base form; `vocabulary.ts` builds the inflected forms.
 * Written for this project from general knowledge, so no word list's licence applies.
 */
export const VERBS = `
accord ace act add age ask axe bid boo cap chip chart club commend con confer contour coil coin con cop cruise cup dab decouple deem disclose do dot drum dye email erupt envy err eye fan fare fasten flex fret front fry game gel gossip gust halve harden heighten hop ink inflict intensify lag log loom lurk maximise misuse mob moan neaten net nick nod null oil own outperform overhear overload pad peg pet pile plague plump propel prop refill refuel relocate remit repel resell retrain rid rip rot rub sip snore sob solidify stain sum surpass tab tan tax thicken tip toy tug use vet vow wed wet zip
abandon abolish absorb abuse accelerate accept access accommodate accompany accomplish account accrue accumulate accuse achieve acknowledge
acquire activate adapt address adhere adjust administer admire admit adopt advance advertise advise advocate affect afford agree aid aim alarm alert align
allocate allow alter amend amount amplify analyse analyze animate announce annotate annoy answer anticipate apologise apologize appeal appear append applaud apply appoint
appreciate approach approve archive argue arise arrange arrest arrive articulate ascend assemble assert assess assign assist associate assume assure attach attack attain attempt
attend attract attribute audit authenticate author authorise authorize automate avoid await award back backup badge bake balance ban bandage bargain bark base bath bathe battle
beat beg begin behave believe belong bend benefit bet bike bill bind bite blame blanch blast bleach bleed blend bless blind block bloom blow blur board boast boil bold bolt
bomb bond bonus book boost boot border bore borrow bother bounce bow bowl box braise brake branch brand break breathe breed brew bribe bridge brief bring broadcast broil browse bruise brush bubble
budget buffer bug build bump bundle burn burst bury butter button buy buzz cache calculate calibrate call calm camp cancel capture care carry carve cast catch categorise categorize cater
cause caution cease celebrate certify chain challenge change channel charge chart chase chat cheat check cheer chew chill choke choose chop circle circulate cite claim clamp clarify clash
classify clean clear click climb clip clone close cluster coach coat code collaborate collapse collect collide color colour combat combine come comfort command comment commission commit
communicate commute compare compensate compete compile complain complement complete comply compose compound comprehend compress comprise compromise compute conceal concentrate concern conclude
condense condition conduct configure confirm conflict conform confront confuse congratulate connect conquer consent conserve consider consist console consolidate constitute constrain
construct consult consume contact contain contend content contest continue contract contradict contrast contribute control converge converse convert convey convict convince cook cool cooperate
coordinate cope copy correct correlate correspond corrupt cost cough counsel count couple course cover crack craft crash crawl create credit creep criticise criticize crop cross crowd crush cry cultivate
curb cure curl curve customise customize cut cycle damage damp dance dare date deal debate debit debug decay deceive decide deck declare decline decode decompose decorate decrease decrypt dedicate deduce
deduct deepen default defeat defend defer define degrade delay delegate delete deliver demand demonstrate denote deny depart depend depict deploy deposit deprecate depreciate derive descend
describe desert deserve design desire destroy detach detail detect deteriorate determine develop deviate devise devote diagnose dial dictate die differ differentiate dig digest dilute dim dine dip direct
disable disagree disappear disappoint discard discharge discipline disclose disconnect discount discourage discover discriminate discuss disguise dislike dismiss dispatch display dispose dispute
disrupt dissolve distinguish distribute disturb dive diversify divert divide divorce document dominate donate double doubt download draft drag drain draw dream dress drift drill drink drip drive drop drown dry dry
duplicate dump dust dwell earn ease eat echo edit educate effect elaborate elect elevate eliminate embark embarrass embed embrace emerge emigrate emit emphasise emphasize employ empower empty enable enclose
encode encounter encourage encrypt end endorse endure enforce engage engineer enhance enjoy enlarge enlist enquire enrich enroll enrol ensure enter entertain entitle equip erase erode escalate escape
escort establish estimate evacuate evade evaluate evaporate evict evolve examine exceed excel exchange excite exclude excuse execute exempt exercise exert exhaust exhibit exist exit expand expect
expel experience experiment expire explain explode exploit explore export expose express extend extract face facilitate factor fade fail faint fake fall farm fascinate fast fasten favor favour fear feature feed feel
fence ferment fetch fight figure file fill film filter finalise finalize finance find fine finish fire fish fit fix flag flame flash flatten flee flip float flood flow flush fly foam focus fold follow fool force
forecast forge forget forgive fork form format formulate forward foster found frame free freeze frighten frown fry fuel fulfil fulfill function fund furnish gain gamble garden gather generate gesture get give glance
glow glue go golf govern grab grade graduate grant graph grasp grate graze greet grieve grill grind grip groan grow guarantee guard guess guide hack halt hammer hand handle hang happen harass harm harvest hash hate
haul have head heal heap hear heat help hesitate hide highlight hike hint hire hold honor honour hook hope hop host hug hunt hurry hurt hydrate identify ignite ignore illuminate illustrate imagine imitate immigrate impact impair
implement imply import impose impress imprison improve include incorporate increase increment incur indent index indicate induce infect infer inflate influence inform inherit inhibit initialise initialize initiate inject injure innovate
input inquire insert insist inspect inspire install instruct insulate insult insure integrate intend interact intercept interest interfere interpret interrupt intersect intervene interview introduce invade invent invert invest
investigate invite invoice invoke involve iron irrigate irritate isolate issue iterate jail jam jog join joke journey judge juggle jump justify keep kick kill kiss knead kneel knit knock knot know label labor labour lack land
last laugh launch launder lay layer lead leak lean leap learn lease leave lecture lend lessen level lick lie lift light like limit line link list listen litigate live load loan locate lock log look loop loosen lose love lower lubricate
lunch magnify mail maintain make manage mandate manifest manipulate manufacture map march marinate mark market marry mash mask master match mate matter mature maximise maximize mean measure meditate meet melt memorise memorize
mend mention mentor merge message migrate mimic mind mine minimise minimize mirror miss mix moan mock model moderate modify monitor motivate mount mourn move mow multiply murder mutate nail name navigate need neglect negotiate nest nod
nominate normalise normalize note notice notify number nurse nurture obey object oblige observe obtain occupy occur offend offer offset omit open operate oppose opt optimise optimize order organise organize orient originate
outline output outweigh overcome overflow overlap overlook override oversee overturn overwrite owe own pace pack package paint pair park parse part participate pass paste pat patch pause pave pay peel pedal penetrate perceive perform permit
persist persuade phone photograph pick picture pin pinch ping pitch place plan plant play plead please pledge plot plow plug plunge point poison poke polish poll pollute pool pop portray pose possess post postpone pour practice practise praise pray
preach precede predict prefer prepare prescribe present preserve press presume pretend prevail prevent preview price print prioritise prioritize probe proceed process procure produce profile profit program progress prohibit project
promise promote prompt pronounce proofread propagate propose prosecute protect protest prove provide provoke prune publish pull pump punch punish purchase purify purge pursue push put qualify quantify query question queue quit quote
race radiate rain raise rank rate ration reach react read realise realize reassure rebuild recall receive recharge recite reckon reclaim recognise recognize recommend reconcile record recover recruit recur recycle redeem redirect reduce
refer refine reflect reform refresh refund refuse refute regain regard register regret regulate rehearse reimburse reject relate relax release relieve rely remain remember remind remove renew renovate rent repair repay repeat
replace replicate reply report represent reproduce request require rescue research resemble reserve reset reside resign resist resolve respect respond rest restart restore restrain restrict result resume retain retire retreat
retrieve retry return reuse reveal reverse revert review revise revive revoke reward rewrite rhyme ride ring rinse rise risk rival roast rob rock roll rotate round route rub ruin rule run rush sail salute sample satisfy save saute say scale scan scare
scatter schedule score scrape scratch scream screen screw script scroll seal search season seat seize select sell send sense separate serve service set settle sew shade shake shape share sharpen shave shed shift shine ship shock shoot shop
shorten shout show shrink shrug shuffle shut sigh sign signal silence simmer simplify simulate sing sink sit size skate sketch ski skim skip slam slap sleep slice slide slip slow smash smell smile smoke smooth snap sneeze snow soak soften solve
sort sound sow spam spare spark speak specialise specialize specify speculate spell spend spill spin split spoil sponsor spot spray spread sprinkle sprint squeeze stab stabilise stabilize stack staff stage stain stall stamp stand star stare start state stay steal
steam steer stem step stick stimulate sting stir stitch stock stop store strain strengthen stress stretch strike strip strive structure struggle study stumble submit subscribe substitute subtract succeed sue suffer suggest suit sum
summarise summarize summon supervise supplement supply support suppose suppress surf surge surprise surrender surround survey survive suspect suspend sustain swallow swap swear sweat sweep swell swim swing switch symbolise symbolize sync synchronise
synchronize synthesise synthesize tackle tag tail take talk tap target taste tax teach tear tease tell tempt tend terminate test testify thank thaw think thread threaten thrive throw tick tie tighten tilt time tip tire title toast toggle tokenise tokenize
tolerate top torture toss total touch tour tow trace track trade train transact transcribe transfer transform translate transmit transplant transport trap travel treat tremble trick trigger trim triple trouble trust try tune turn
tutor tweak twist type undergo understand undertake undo unify unite unlock unpack unveil update upgrade uphold upload upset urge use utilise utilize vaccinate validate value vanish vary venture verify veto view violate visit visualise
visualize volunteer vote wait wake walk wander want warm warn warrant wash waste watch water wave weaken wear weave weigh weld welcome whip whisper whistle widen win wind wipe wire wish withdraw withhold witness wonder work worry worship wound
wrap wrestle write yawn yell yield zoom
`;

/** Past forms that no rule builds. */
export const IRREGULAR_FORMS = `
am are arisen arose ate been began begun bent bit bitten blew blown bled born borne bought bound bred broke broken brought built burnt came caught chose chosen clung crept dealt did died does done dove drank drawn dreamt drew driven drove drunk
dug eaten fallen fed fell felt fled flew flown forbade forbidden forgave forgiven forgot forgotten fought found froze frozen gave given goes gone got gotten grew grown had has heard held hid hidden hung hurt kept knelt knew known laid lain lead
leapt learnt led left lent lit lost made meant met mistaken overcame overseen overtaken overtook overwritten paid proven ran rang rebuilt rewritten rewrote risen rode rose rung said sang sank sat saw seen sent sewn shaken shone shook shot shown
shrank shrunk slept slid slung smelt sold sought spat sped spelt spent spoke spoken sprang sprung spun stole stolen stood strove struck stuck stung stunk sung sunk swam swept swollen swore sworn swum swung taken taught thought threw thrown told
took tore torn understood undertaken undertook undone was went were withdrawn withdrew withheld woke woken won wore worn wound woven wove written wrote wrung
children criteria data dice feet geese knives leaves lives loaves media men mice oxen people phenomena policemen shelves teeth themselves thieves wives wolves women analyses axes bases crises diagnoses hypotheses indices matrices oases
parentheses theses vertices
`;
