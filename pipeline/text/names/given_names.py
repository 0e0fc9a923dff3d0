"""Given names that are borne almost only by women or almost only by men, as far as English-language news goes.

Evidence for resolving "he" and "she", never more than that: a name on neither list says nothing. Names that both
bear (Kim, Robin, Andrea, Jean, Alex) are left out.
"""

FEMALE = frozenset(
    """
    abigail adela adele agnes aisha alessandra alexandra alice alicia alison allison alma amalia amanda amelia
    amina amy ana anastasia andreea angela angelina anita ann anna anne annette annie antonia anya april ariana
    astrid audrey aurora ayesha barbara beatrice beatriz becky benazir bernadette beth bethany betty beverly
    bianca birgit bonnie brenda brenna bridget britta camila camilla carla carmen carol carolina caroline
    carolyn cassandra catalina catherine cathy cecilia celeste celia charlotte cheryl chiara chloe christina
    christine cindy claire clara claudia colleen constance consuelo cora cristina cynthia daisy daniela danielle
    daphne deborah debra deirdre delia denise diana diane dilma dolores donna dora doris dorothy edith edna
    eileen elaine eleanor elena elisa elisabeth eliza elizabeth ella ellen elsa emilia emily emma enid erica
    erika erin esther ethel eva evelyn faith fatima fatma fiona flora florence frances francesca freya frida
    gabriela gabriella gabrielle galina gemma georgia georgina geraldine gertrude gina ginger giorgia gisela
    giulia gladys gloria grace graciela greta gretchen gwen hanna hannah harriet hazel heather heidi helen
    helena hilary hilda hillary ida ilse imogen ines inga ingrid irene irina iris irma isabel isabella isabelle
    isla ivana ivanka ivy jacinda jacqueline jane janet janice jasmine jeanette jeanne jennifer jenny jessica
    jill joan joanna joanne jodie josephine joyce juanita judith judy julia juliana julie juliet june kaja
    kamala karen karin karla katarina kate katherine kathleen kathryn kathy katie katrina kayla kelly kirsten
    kirstjen kirsty kristen kristin kristina lara larisa laura lauren lea leah leila lena leticia lidia lilian
    liliana lily linda lisa liz lola lorena loretta lorraine louise lucia lucy ludmila lydia lynn madeleine
    maggie maia malala mara marcia margaret margarita margo margrethe maria mariam mariana marianne marie marina
    marine marisa marjorie marlene marta martha mary matilda maud maureen mavis maya meera meg megan melania
    melanie melinda melissa mercedes meredith mia michaela michele michelle mildred miranda miriam moira molly
    mona monica monika muriel nadia nadine nancy naomi natalia natalie natasha nicola nicole nicolette nikki
    nina noelle nora norma odile oksana olga olive olivia ophelia paige pamela patricia paula pauline peggy
    penelope penny petra philippa philomena phyllis pilar poppy priscilla priti priya prudence rachel raquel
    rebecca regina renata rhoda rhonda rita roberta rosa rosalie rosalind rose rosemary rosie roxana ruth
    sabrina sally salma samantha samira sandra sara sarah saskia selma serena shannon sharon sheila shirin
    shirley sigrid silvia simone sinead siobhan sofia sonia sonja sophia sophie stella stephanie sue suella
    susan susana susanna suzanne svetlana sybil sylvia tamara tanya tara tatiana teresa thea thelma theresa tina
    tulsi ursula valentina valerie vanessa vera veronica victoria viola violet virginia vivian viviane wanda
    wendy wilhelmina winifred xiomara yasmin yolanda yulia yvette yvonne zahra zainab zoe zuzana
    """.split()
)

MALE = frozenset(
    """
    aaron abdul abdullah abraham adam adolfo adrian ahmad ahmed alan albert alberto aldo alejandro aleksandr
    alessandro alexander alexei alexey alfonso alfred ali allan allen alvaro amir anatoly anders andreas andrei
    andres andrew andriy andrzej angus anthony antoine anton antonio antony archie ariel arjun armando arnaud
    arnold arthur artur arturo asif augusto avi axel barack barry bartholomew bashar ben benedict benito
    benjamin bernard bernardo bert bertrand bill billy bjorn bob bobby boris brad bradley brendan brett brian
    bruce bruno bryan caleb callum carl carlos cesar chad charles charlie chester christian christoph christophe
    christopher chuck cillian clarence claude claudio clement clifford clive colin conor craig curtis cyril dale
    damian dan daniel daniele darren darryl dave david dean declan denis dennis derek desmond diego dieter
    dimitri dirk dmitri dmitry dmytro dominic don donald douglas duncan dwight dylan eamonn earl ed eddie edgar
    edmund eduardo edward edwin eli elias elijah elliott elon emil emilio emmanuel enrico enrique eric erik
    ernest ernesto ethan eugene evan fabian fabio farid federico felipe felix ferdinand fergus fernando fidel
    filip francesco francis francisco frank franz fred frederick friedrich fritz gareth gary gavin geoffrey
    george gerald gerard gerhard gethin giacomo gianni gilbert giorgio giovanni giuseppe glenn godfrey gordon
    graham greg gregor gregory guido guillermo gustavo guy hamid hamish hamza hans harald harold harris harry
    harvey hassan hector heiko heinrich helmut hendrik henri henrik henry herbert herman hiroshi howard hugh
    hugo humphrey hussein ian ibrahim igor ilya imran isaac ismail ivan ivor jack jacob jacques jaime jair jake
    jakob james jamie jan janusz jared jason javier jay jeff jeffrey jens jeremy jerome jerry jesus jim jimmy
    joachim joao joaquin joe joel johan johannes john johnny jonas jonathan jorge jose josef joseph josh joshua
    juan julian julio jurgen justin kamal karl keith ken kenji kenneth kevin khalid kieran klaus konrad
    konstantin kurt kyle lachlan lars laurent lawrence leo leon leonard leonardo leonid leopold lewis liam
    lionel lloyd lorenzo louis luca lucas luigi luis luiz lukas luke mahmoud malcolm manuel marc marcel marcelo
    marco marcos marcus mario mark markus martin marvin mateo mateusz matt matteo matthew matthias maurice
    mauricio max maximilian mehdi mehmet melvin michael michel miguel mikael mike mikhail milan milos mitch mitt
    mohamed mohammad mohammed muhammad murray mustafa nabil narendra nathan nathaniel neil nelson niall nicholas
    nick nicolas nigel nikita nikolai nikos noah noel norman olaf oleg oleksandr oleksiy oliver olivier omar
    orlando oscar osman oswald otto owen pablo paolo pascal patrick paul pavel pavlo pedro per percy peter phil
    philip philippe pierre piotr prakash rafael rahul raj ralph ramon ramzan randy rashid raul ravi ray raymond
    recep reinhard rene reza rhys ricardo richard rick rob robert roberto rod roderick rodrigo roger roland rolf
    roman ron ronald rory ross roy ruben rubén rudolf rudy rupert russell salman salvador salvatore samuel
    sanjay santiago scott sean sebastian sergei sergey sergio serhiy seth shane shaun shinzo simon stanislav
    stanley stefan stefano stephen steve steven stewart stuart sven tariq ted terence terry theodore thierry
    thomas tim timothy tobias toby todd tom tomas tommy tony travis trevor tyler ulrich umberto vaclav valery
    vasily viktor vincent vincenzo vitaly vivek vlad vladimir volodymyr walter warren wayne werner wilfred
    wilhelm will willem william winston wolfgang xavier yasser yevgeny yitzhak yoshihide yousef yuri yusuf
    zachary zbigniew
    """.split()
)
