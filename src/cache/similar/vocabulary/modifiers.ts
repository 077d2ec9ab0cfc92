/**
 * Everyday English adjectives and adverbs in their base form (`vocabulary.ts` builds -ly, -er, -est, -ness), and the
 * words that do not inflect. Written for this project from general knowledge, so no word list's licence applies.
 */
export const ADJECTIVES = `
adjustable algorithmic androgynous asymptotic authoritative binding biodegradable bodily bottom bright cognitive contractual corrosive cylindrical elliptical enjoyable feverish gravitational hydrologic installable literate mathematical mechanistic near overrated partial plausible polynomial quarterly semantic stylistic underrated underwater unskilled volatile wealthy
able abnormal abrupt absent absolute abstract absurd abundant academic acceptable accessible accidental accurate active actual acute adaptive additional adequate adjacent administrative advanced adverse aerobic affordable afraid
aggressive agile alcoholic alert alike alive allergic alternate alternative amazing ambiguous ambitious amused analog analytical ancient angry annoyed annual anonymous anxious apparent appropriate approximate arbitrary architectural artificial
artistic ascending ashamed asleep associated asynchronous atmospheric atomic attractive authentic automatic available average aware awesome awful awkward backward bad balanced bald bare basic beautiful beneficial best better big bilateral bilingual binary biological
bitter black blank blind bloody blond blue bold boring brave brief bright brilliant broad brown bulky busy calm capable capital cardiac careful careless casual cautious central certain cheap cheerful chemical chief chronic chronological circular civic
civil classic classical clean clear clever clinical close cloudy clumsy coastal coherent cold collective colonial colorful comfortable comic commercial common communal compact comparable comparative compatible competent competitive complete complex complicated
comprehensive compulsory computational conceptual concise concrete concurrent conditional confident confidential confused confusing conscious consecutive conservative considerable consistent constant constitutional constructive contagious contemporary
content contextual continental continual continuous contrary controversial convenient conventional cool corporate correct corresponding costly cozy crazy creative creamy credible creepy criminal crisp crispy critical crowded crucial crude cruel cubic
cultural cumulative curious current curved customary cute cyclic daily damp dangerous dark dead deadly deaf dear decent decimal decisive deep default defensive deficient definite deliberate delicate delicious democratic dense dental dependent descending
descriptive desperate detailed determined diagonal different difficult digital diligent direct dirty disabled discrete dishonest distant distinct distinctive distributed diverse divine dizzy domestic dominant double downstream dramatic driven dry dual due dull durable
dynamic eager early eastern easy economic economical edible educated educational effective efficient elastic elderly electric electrical electromagnetic electronic elegant elementary eligible elite embarrassed emotional empirical empty encouraging endless
energetic enormous entire environmental equal equivalent essential established eternal ethical ethnic everyday evident evil exact excellent exceptional excessive excited exciting exclusive executive existing exotic expensive experienced experimental explicit
exponential extended extensive exterior external extra extraordinary extreme fair faithful fake false familiar famous fancy fantastic fascinating fast fat fatal faulty favorable favorite favourite feasible federal female fertile few fictional fierce final financial
fine finite firm first fiscal fit fixed flat flawless flexible floral fluent folded following fond foolish foreign formal former fortunate forward fragile free freelance frequent fresh friendly frightened frozen full functional fundamental funny furious further future
fuzzy gender general generic generous genetic gentle genuine geographic geographical geometric giant glad global gluten golden good gorgeous gradual grand graphic graphical grateful gray great greedy green grey gross guilty handsome handy happy hard
harmful harsh healthy heavy helpful hidden high hilarious historic historical hollow holy honest horizontal horrible hostile hot huge human humble humid hungry hybrid hydraulic iconic ideal identical idle ignorant illegal imaginary immediate immense immune
imperial implicit important impossible impressive inadequate incomplete incorrect incredible independent indigenous indirect individual indoor industrial inevitable infamous infectious inferior infinite influential informal informative inherent initial
inner innocent innovative insane inside instant institutional insufficient intact integral intellectual intelligent intense intensive intentional interactive interested interesting interim interior intermediate intermittent internal international intimate intrinsic invalid
invisible ironic irregular irrelevant itchy jealous joint joyful juicy junior keen kind large late latest latter lazy leading lean legal legitimate less lesser lethal level liberal light likely limited linear linguistic liquid literal literary little live lively local logical
logistic lonely long loose loud lovely low lowest loyal lucky luxurious mad magic magical magnetic magnificent main major male mandatory manual marginal marine marital married martial massive mathematical mature maximal maximum meaningful meaningless
measurable mechanical medical medieval medium memorable mental mere messy metabolic metallic metric metropolitan mild military minimal minimalist minimum minor miserable missing mobile moderate modern modest modular moist molecular monetary monthly
moral multilingual multinational multiple municipal muscular musical mutable mutual mysterious mystical naive naked narrow nasty national native natural nearby neat necessary negative nervous nested net neural neutral new next nice nocturnal noisy nominal
nonlinear normal northern notable noticeable notorious nuclear null numeric numerical numerous nutritional nutritious obese objective oblique obscure obsessed obsolete obvious occasional odd offensive official offline okay old online only open operational opposite
optical optimal optimistic optional oral orange ordinary organic organizational original orthodox orthogonal other outdoor outer outgoing outside outstanding overall overdue overweight overwhelming pale parallel parental partial particular passionate passive past
patient peaceful peculiar pending perfect periodic peripheral permanent persistent personal persuasive philosophical physical pink plain planetary plastic playful pleasant pleased plentiful poetic poisonous polar polite political poor popular portable positive possible
postal potential powerful practical pragmatic precious precise predictable predominant preferable pregnant preliminary premium present prestigious presumable pretty prevalent previous primary prime primitive principal prior private probable problematic
productive professional profitable profound programmatic progressive prominent promising prone proper proportional prospective protective proud provisional psychological public punctual pure purple qualitative quantitative quick quiet radical radioactive rainy random
rapid rare rational raw reactive ready real realistic reasonable recent reciprocal rectangular recurrent recurring recursive red redundant regional regular regulatory related relational relative relevant reliable religious reluctant remarkable remote renewable repetitive
representative reproductive republican residential resilient respectful respective responsible responsive restless retail retired reusable reverse rich ridiculous right rigid rigorous ripe risky robust romantic rotten rough round royal rude rural rusty sad safe salty same
sane satisfied scalable scarce scared scary scientific seasonal secondary secret secular secure selective selfish senior sensible sensitive sentimental separate sequential serial serious severe sexual shallow sharp shiny shocking short shy sick significant silent silly similar
simple simultaneous sincere single skeptical skilled skinny slight slim slippery slow small smart smooth sober social soft solar sole solid solo sophisticated sore sorry sour southern spatial special specific spectacular spherical spicy spiritual splendid
spontaneous square stable stale standard static stationary statistical statutory steady steep sticky stiff still straight straightforward strange strategic strict striking strong structural structured stubborn stupid stylish subject subjective subsequent substantial subtle
successful successive sudden sufficient suitable sunny super superb superficial superior supportive supreme sure surgical surprised surprising suspicious sustainable sweet swift symbolic symmetric symmetrical sympathetic synchronous syntactic synthetic
systematic tactical talented tall tame tangible tasty technical technological tedious temporary tender tense terminal terrible terrific theoretical therapeutic thermal thick thin thirsty thorough thoughtful threatening tidy tight timely tiny tired top total tough
toxic traditional tragic transient transparent traumatic tremendous trendy trivial tropical true truthful typical ugly ultimate unable uncertain unclear uncomfortable undefined underlying uneven unexpected unfortunate unhappy uniform unique universal unlikely
unlimited unnecessary unpleasant unpredictable unrelated unstable unsuitable unusual upcoming upper upstream urban urgent useful useless usual vacant vague valid valuable variable various vast vegan vegetarian verbal versatile vertical viable vibrant vicious
victorious violent virtual visible visual vital vivid vocal vulnerable warm wasteful watery wavy weak wealthy weekly weird western wet white whole wicked wide widespread wild willing wireless wise wonderful wooden worldwide worse worst worth worthless worthwhile worthy wrong
yearly yellow young
`;

/** Words that take no endings. */
export const FIXED_WORDS = `
a aboard about above abroad across after afterwards again against ago ahead albeit all almost alone along already also although altogether always amid among amongst an and another any anybody anyhow anymore anyone anything anyway anywhere apart around as aside
at away be because become becomes becoming became before beforehand behind below beneath beside besides between beyond both but by can cannot could despite down downstairs downwards during each either else elsewhere enough especially etc even ever every everybody everyone
everything everywhere except excluding fairly few for forever from further furthermore ha he hence her here hereby hers herself hey hi him himself his hello how however i if in indeed indoors instead into inward is it its itself just least less lest let lots many may maybe me
meanwhile might mine more moreover most mostly much must my myself namely near nearly neither never nevertheless no nobody none nonetheless nor not nothing notwithstanding now nowadays nowhere of off often oh ok okay on once one oneself only onto onwards or other others otherwise
ought our ours ourselves out outdoors outside over overnight own per perhaps plus quite rather regarding respectively same seem seems seemed seldom several shall she should since so some somebody somehow someone something sometime sometimes somewhat somewhere soon still such
than that the their theirs them then there thereafter thereby therefore these they this those though through throughout thus till to together too toward towards twice under underneath unless unlike until up upon upstairs upwards us versus very via vs was we well what whatever
when whence whenever where whereas whereby wherein wherever whether which whichever while whilst who whoever whole whom whose why with within without would yes yesterday yet you your yours yourself yourselves
please thanks thank kindly dear sir madam
zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fifteenth twentieth thirtieth hundredth thousandth once twice half quarter quarters
app apps blog css docs emoji faq gpu hr html http https id ids json kg km laptop ml oz pdf rest sql ui url urls usb wifi xml yaml yml
`;

/** Words that bear a capital wherever they stand, and have no other sense without it. */
export const PROPER_WORDS = `
january february april june july september october november december monday tuesday wednesday thursday friday saturday sunday
african american arabic asian australian austrian belgian brazilian british bulgarian canadian chinese croatian czech danish dutch egyptian english european finnish german greek hebrew hindi hungarian indian indonesian iranian iraqi irish israeli italian
japanese korean latin mediterranean mexican norwegian pakistani persian portuguese romanian russian scottish serbian spanish swedish swiss thai turkish ukrainian vietnamese
africa america asia australia europe christmas easter christian islam islamic jewish muslim buddhist hindu internet
`;
