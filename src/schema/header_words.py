"""Words of headers, in the languages that schools' tables come in."""

from __future__ import annotations

import itertools
import re
import unicodedata

from src.tables.cells import word_set

PERSON = word_set("""
name names surname lastname firstname forename fullname nickname givenname middlename pupil
student learner teacher tutor parent guardianname vorname nachname familienname zuname rufname
schuler schulerin schulername lehrer nom prenom eleve enseignant apellido apellidos nombre
nombres alumno alumna cognome nome sobrenome aluno alunno studente naam achternaam voornaam
leerling ad adi soyad soyadi isim ogrenci imie nazwisko uczen namn fornamn efternamn elev navn
fornavn efternavn etternavn nimi etunimi sukunimi имя фамилия отчество фио ученик студент اسم
الاسم שם 姓名 名前 氏名 이름 nama jmeno prijmeni nev keresztnev ime prezime nume prenume
""")  # fmt: skip
IDENTIFIER = word_set("""
id ids uid uuid guid nr number num key matric matriculation matrikel matrikelnummer matrikelnr
roll rollno admission registration enrolment enrollment candidate ssn nif dni passport login
username user account kennung schulernummer schulerid kundennummer nummer numero matricola
matricule identifier identifiant index номер 学号 ausweis udise upn uln nhs
""")  # fmt: skip
CONTACT = word_set("""
email mail phone telephone tel mobile cell cellphone telefon handy handynummer portable movil
telefono cep address adresse anschrift direccion indirizzo endereco adres street strasse rue
calle hausnummer iban телефон адрес почта 电话 住所 电子邮件
""")  # fmt: skip
BIRTH = word_set("""
birth birthday birthdate dob born dateofbirth geburt geburtsdatum geburtstag geboren geb
naissance nacimiento nascita nascimento dogum dogumtarihi geboorte geboortedatum рождения
urodzenia fodelse fodelsedag fodselsdag syntymaaika narozeni
""")  # fmt: skip
REMARK = word_set("""
remark remarks comment comments notes feedback bemerkung bemerkungen kommentar kommentare
anmerkung anmerkungen notiz notizen observation observations observacion observaciones
commentaire commentaires remarque remarques aciklama yorum uwagi opmerking opmerkingen commento
commenti comentario comentarios description beschreibung appreciation appreciations huomautus
примечание комментарий 备注 評語
""")  # fmt: skip
CODE = word_set("""
code codes id zip zipcode postcode postal plz region district area nr no number kennziffer
schlussel codigo codice kod postleitzahl cp gemeindeschlussel uf provincia
""")  # fmt: skip
PUPIL = word_set("""
student pupil child learner id name kid participant person subject_id schuler schuelerid
schulerid kind eleve alumno alunno aluno leerling ogrenci uczen elev ученик learnerid studentid
pupilid childid matric matriculation roll upn matrikelnummer nachname vorname surname user
userid
""")  # fmt: skip
PLACE = word_set("""
school class course subject group district city town team test exam module section schule klasse
kurs fach stadt ecole classe cours matiere ville escuela clase curso asignatura scuola materia
okul sinif ders colegio country state county region department teacher lehrer program programme
file study university college faculty prof professor professeur profesor instructor lecturer
dozent tutor staff
""")  # fmt: skip
CLASS_WORDS = word_set("class klasse classe clase klas sinif razred group gruppe kurs")
SCHOOL = word_set("""
school class district teacher classroom schule klasse lehrer lehrerin lehrkraft ecole classe
enseignant professeur escuela colegio clase profesor maestro scuola insegnante docente okul sinif
ogretmen instructor lecturer tutor college escola professor turma skola larare leraar школа класс
учитель
""")  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-zа-я])(?=[A-ZА-Я])")


def header_words(header: str) -> frozenset[str]:
    """Return a header's words, without case and accents.

    Examples
    --------
    >>> sorted(header_words("Schüler-Nr.")), sorted(header_words("firstName"))
    (['nr', 'schuler'], ['first', 'firstname', 'name'])
    """
    text = unicodedata.normalize("NFKD", _CAMEL.sub(" ", header)).casefold().replace("ı", "i")
    text = "".join(c for c in text if not unicodedata.combining(c)).replace("ß", "ss")
    words = [word for word in re.split(r"[\W_]+", text) if word]
    joined = {a + b for a, b in itertools.pairwise(words)} if len(words) == 2 else set()
    known = PERSON | BIRTH | CONTACT | IDENTIFIER
    return frozenset([*words, *(joined & known)])
